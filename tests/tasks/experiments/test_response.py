"""Network response of the sealed world, where it is known which factor moves which output."""

from __future__ import annotations

import pytest
import torch

from iin_core.errors import ModelError
from iin_core.spec import ReadingSpec
from tasks.experiments.response import run
from tasks.experiments.response_check import applies, reads
from tasks.experiments.spec import ResponseSpec
from tasks.experiments.watched import as_logits, own_parts
from tasks.output import open_root
from tests.tasks.evaluation_world import make_world, with_layer
from tests.tasks.experiments.unit_context import unit_context

SPEC = ResponseSpec(bases=24, draws=4, draw_from=("rows", "prior"))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two models × three concept sets with perfect interpreters."""
    folder = tmp_path_factory.mktemp("response")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield make_world(folder, open_root(str(folder / "root")))


@pytest.fixture(scope="module")
def heads(world, tmp_path_factory):
    """What was found of the classifier, whose two heads say digit and colour."""
    folder = tmp_path_factory.mktemp("heads")
    context = unit_context(world, world.unit("classifier", "both"), SPEC, folder)
    return run(context, SPEC), folder


def _cell(found, output, factor, drawn="rows", statistic="tv"):
    table = found.tables["response"].set_index(["output", "factor", "drawn", "statistic"])
    return table.loc[(output, factor, drawn, statistic)]


def test_a_head_moves_with_its_own_factor_alone(heads):
    """The digit's head does not move for colour or residual, and as far for digit as for everything."""
    found, _ = heads
    for head, other in (("digit", "colour"), ("colour", "digit")):
        for drawn in ("rows", "prior"):
            assert _cell(found, head, head, drawn).value > 0.1
            assert _cell(found, head, other, drawn).value < 1e-5
            assert _cell(found, head, "residual", drawn).value < 1e-5
        assert _cell(found, head, head).share_of_all == pytest.approx(1, abs=0.25)
        assert _cell(found, head, "all").share_of_all == 1


def test_the_bases_and_seeds_are_sealed(heads, world):
    """The rows of the data that were drawn, each once, and a seed for each factor and way of drawing."""
    found, folder = heads
    context = unit_context(world, world.unit("classifier", "both"), SPEC, folder)
    bases = found.tables["response_rows"]["base"]
    assert bases.is_unique
    assert len(bases) == found.tables["response"]["bases"].iloc[0]
    assert (context.rows.table["split"].to_numpy()[bases] == "heldout").all()
    seeds = found.tables["response"].groupby(["factor", "drawn"])["seed"]
    assert (seeds.nunique() == 1).all()
    assert seeds.first().is_unique


def test_the_first_way_of_drawing_gives_the_scores(heads):
    """Each is a score of its output and factor, with an interval, 0 for nothing drawn, and the bases."""
    found, _ = heads
    score = found.scores["response/digit/digit_tv"]
    cell = _cell(found, "digit", "digit")
    assert (score.value, score.low, score.high, score.n) == (cell.value, cell.low, cell.high, 24)
    assert score.low < score.value < score.high
    assert score.chance == 0
    assert {name.rsplit("_", 1)[1] for name in found.scores} == {"kl", "tv", "std"}


def test_draws_that_leave_the_data_are_told_in_words(heads):
    """A response to activations that no row has is not to be taken for one to the concept."""
    found, _ = heads
    told = [sentence for sentence in found.words if "less likely under" in sentence]
    assert len(told) == 1  # two dimensions of the residual hardly vary, in spite of its normal prior
    assert told[0].startswith("Of the draws of 'residual' from its prior, ")
    assert _cell(found, "digit", "digit", "rows").beyond < 0.1


def test_words_name_what_the_output_ignores(heads):
    """The first sentence says how to read it; a head is said to depend hardly on the other concept."""
    found, folder = heads
    assert found.words[0].startswith("Each factor is drawn anew")
    told = " ".join(found.words)
    assert "At this layer what the model says of digit hardly depends on 'residual' and 'colour'" in told
    assert "published statistic" in told
    for drawn in found.drawn:
        assert (folder / drawn.file).read_text().startswith("<?xml")
        assert drawn.table == "response"


def test_an_image_is_watched_by_its_reader_and_by_its_distance(world, tmp_path):
    """A decoder's image moves with every block, as far as another row's where all are drawn anew."""
    context = unit_context(world, world.unit("decoder", "both"), SPEC, tmp_path)
    found = run(context, SPEC)
    assert _cell(found, "digit by the reader", "colour").value < 1e-5
    assert _cell(found, "image", "all", statistic="distance").value == pytest.approx(1, abs=0.2)
    parts = [
        _cell(found, "image", name, statistic="distance").value for name in ("residual", "digit", "colour")
    ]
    assert all(value > 0.05 for value in parts)
    assert sum(parts) == pytest.approx(1, abs=0.3)


def test_the_same_seed_finds_the_same(heads, world, tmp_path):
    """What is sealed can be made again byte for byte."""
    found, folder = heads
    again = run(unit_context(world, world.unit("classifier", "both"), SPEC, tmp_path), SPEC)
    assert again.tables["response"].to_csv() == found.tables["response"].to_csv()

    assert (tmp_path / "response_0.svg").read_bytes() == (folder / "response_0.svg").read_bytes()


def test_a_unit_without_factors_has_a_response_to_its_residual(world, tmp_path):
    """It is the ceiling by another name."""
    found = run(unit_context(world, world.unit("classifier", "none"), SPEC, tmp_path), SPEC)
    assert _cell(found, "digit", "residual").value == pytest.approx(
        _cell(found, "digit", "all").value, rel=0.3
    )


def test_what_cannot_be_put_back_is_left_out_in_words(world):
    """A maximum cannot be re-inserted."""
    unit = world.unit("classifier", "both")
    assert applies(world.plan, unit, SPEC) == ""
    lossy = with_layer(world, unit, "field", ReadingSpec(pool="max"))
    assert "cannot be put back into the running model" in applies(world.plan, lossy, SPEC)


def test_outputs_that_are_no_concept_of_the_data_are_watched_as_classes(world, tmp_path):
    """A pretrained network's own classes: the parts that `logits` names have KL and TV, others distances."""
    spec = ResponseSpec(bases=8, draws=2, draw_from=("rows",), output="own_output:face", logits=("face",))
    (world.plan.folder / "own_output.py").write_text(
        "def face(said):\n"
        "    digit = said['digit']\n"
        "    return {'face': digit[:, :2].softmax(1), 'norm': digit.norm(dim=1), 'anchor': 0 * digit}\n"
    )
    found = run(unit_context(world, world.unit("classifier", "both"), spec, tmp_path / "own"), spec)
    table = found.tables["response"]
    assert set(table.loc[table["output"] == "face", "statistic"]) == {"kl", "tv", "class_std"}
    assert set(table.loc[table["output"] == "norm", "statistic"]) == {"distance"}
    assert "anchor" not in set(table["output"])  # the same for all rows: nothing to be told relative to
    assert any("same for all bases: anchor" in sentence for sentence in found.words)
    assert _cell(found, "face", "digit").value > 0.05
    assert _cell(found, "face", "colour").value < 1e-5


def test_the_code_of_a_function_of_the_output_is_part_of_the_key(world):
    """Another function makes another experiment; without one the experiment reads nothing more."""
    unit = world.unit("classifier", "both")
    (world.plan.folder / "one_output.py").write_text("def f(said):\n    return said\n")
    (world.plan.folder / "other_output.py").write_text("def f(said):\n    return dict(said)\n")
    keys = {
        reads(world.plan, unit, ResponseSpec(output=f"{name}_output:f"))["output function"].key
        for name in ("one", "other")
    }
    assert len(keys) == 2
    assert reads(world.plan, unit, SPEC) == {}


def test_probabilities_are_read_as_probabilities():
    """A softmax of a softmax would be nearly uniform."""
    logits = torch.randn(5, 3) * 4
    assert torch.allclose(as_logits(logits.softmax(1)).softmax(1), logits.softmax(1), atol=1e-6)
    assert as_logits(logits) is logits


@pytest.mark.parametrize(
    ("logits", "message"),
    [(("fase",), r"no part 'fase'.*\n.*\n.*'face'"), (("map",), r"'map'.*no logits of 4")],
)
def test_parts_that_are_no_logits_are_refused(logits, message):
    """With the parts there are, or the shape that is wanted."""
    with pytest.raises(ModelError, match=message):
        list(own_parts({"face": torch.zeros(4, 2), "map": torch.zeros(4, 3, 5)}, 4, logits, set()))
