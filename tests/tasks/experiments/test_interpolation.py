"""Interpolation in the sealed world, whose interpreters are linear: both lines are the same there."""

from __future__ import annotations

import pytest

from iin_core.metrics import Score
from tasks.experiments.interpolation import DENSITY, _apart, run
from tasks.experiments.spec import InterpolationSpec
from tasks.output import open_root
from tests.tasks.evaluation_world import make_world
from tests.tasks.experiments.unit_context import unit_context

SPEC = InterpolationSpec(pairs=12, points=5, shown=2)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two models × three concept sets with perfect interpreters."""
    folder = tmp_path_factory.mktemp("interpolation")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield make_world(folder, open_root(str(folder / "root")))


@pytest.fixture(scope="module")
def found(world, tmp_path_factory):
    """Of the decoder."""
    folder = tmp_path_factory.mktemp("decoder")
    return run(unit_context(world, world.unit("decoder", "both"), SPEC, folder), SPEC), folder


def test_lines_of_a_linear_interpreter_are_the_same_in_both_spaces(found):
    """Every number of a line in z̃ is that of the line in z."""
    scores = found[0].scores
    for name in ("log_prob_change", "nll_change", "digit by the reader_confidence_change"):
        code, activation = (scores[f"interpolation/{name}_{space}"] for space in ("code", "activation"))
        assert code.value == pytest.approx(activation.value, abs=1e-4)
        assert code.n == 12


def test_the_rows_of_the_pairs_are_sealed_and_give_the_density_again(world, found):
    """Rows of the data and their sources, from which the ends' log-density is found by the interpreter."""
    rows, table = found[0].tables["interpolation_rows"], found[0].tables["interpolation"]
    assert len(rows) == SPEC.pairs
    assert (rows["first_source"] != rows["second_source"]).all()
    context = unit_context(world, world.unit("decoder", "both"), SPEC, found[1])
    z = context.rows.z[rows["first"].tolist()]
    again = float(context.interpreter.log_prob(z).mean()) / z.shape[1]
    start = table[(table["quantity"] == DENSITY) & (table["share"] == 0)]
    assert start["value"].to_numpy() == pytest.approx([again, again], abs=1e-5)


def test_the_middle_of_a_straight_line_is_nearer_to_the_origin(found):
    """So its density under N(0, I) is higher, while a reader of one-hot classes is less sure of it."""
    scores = found[0].scores
    assert scores["interpolation/log_prob_change_code"].value > 0
    assert scores["interpolation/nll_change_code"].value < 0
    assert scores["interpolation/digit by the reader_confidence_change_code"].high < 0


def test_curves_and_strips_are_drawn(found):
    """A point each share of the way, a line each space; the strip has both ends."""
    table = found[0].tables["interpolation"]
    assert table[table["quantity"] == DENSITY].groupby("space")["share"].nunique().to_dict() == {
        "code": 5,
        "activation": 5,
    }
    assert [entry.file for entry in found[0].drawn] == ["interpolation.svg", "interpolation_strip.png"]
    assert all((found[1] / entry.file).stat().st_size > 1000 for entry in found[0].drawn)


def test_sentences_name_the_quantity_and_say_whether_the_spaces_differ(found):
    """Here both lines are the same, so that their intervals overlap."""
    how, density, normal, *sure = found[0].words
    assert "no merit" in how
    assert density.startswith("Half-way, the log-density under the blocks' priors changes by +")
    assert "nats/dim along lines straight in z̃ and by +" in density
    assert normal.startswith("Half-way, the NLL under the published N(0, I) changes by -")
    assert sure[0].startswith("Half-way, the confidence in digit by the reader changes by -")
    assert all(sentence.endswith("neither space is shown to be better.") for sentence in found[0].words[1:])


def test_intervals_that_lie_apart_are_said_to():
    """In either order; scores without intervals are left uncommented."""
    low, high, bare = Score(0.1, low=0.0, high=0.2), Score(0.5, low=0.4, high=0.6), Score(0.3)
    assert _apart(low, high) == _apart(high, low) == ": the intervals lie apart"
    assert _apart(low, bare) == ""


def test_a_model_without_images_has_curves_alone(world, tmp_path):
    """And a unit without factors has lines too."""
    found = run(unit_context(world, world.unit("classifier", "none"), SPEC, tmp_path), SPEC)
    assert [entry.file for entry in found.drawn] == ["interpolation.svg"]
