"""Latent walks in the sealed world, where it is known what each factor carries."""

from __future__ import annotations

import pytest

from tasks.experiments import embedding_check
from tasks.experiments.embedding_check import problems
from tasks.experiments.spec import WalksSpec
from tasks.experiments.walks import run
from tasks.experiments.walks_figures import frame_steps
from tasks.output import open_root
from tests.tasks.evaluation_world import make_world
from tests.tasks.experiments.unit_context import unit_context

SPEC = WalksSpec(starts=10, steps=20, alpha=0.5, embedding="pca", rows=60, frames=4, shown=2)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two models × three concept sets with perfect interpreters."""
    folder = tmp_path_factory.mktemp("walks")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield make_world(folder, open_root(str(folder / "root")))


@pytest.fixture(scope="module")
def found(world, tmp_path_factory):
    """Of the decoder, whose independent reader says digit and colour."""
    folder = tmp_path_factory.mktemp("decoder")
    context = unit_context(world, world.unit("decoder", "both"), SPEC, folder)
    return run(context, SPEC), folder


def test_a_walk_changes_its_own_concept_alone(found):
    """The reader says another digit along digit's walk, the same along all others."""
    table = found[0].tables["walks"].set_index(["factor", "concept", "by"])["changes"]
    for concept, other in (("digit", "colour"), ("colour", "digit")):
        assert table[concept, concept, "reader"] > 0.1
        assert table[concept, other, "reader"] == 0
        assert table["residual", concept, "reader"] == 0
        assert table[concept, concept, "neighbours"] > 0.05
        assert table[concept, other, "neighbours"] == 0


def test_the_rows_and_seeds_of_the_walks_are_sealed(world, found):
    """Held-out rows, each of its own source, and a seed for each factor."""
    tables = found[0].tables
    rows, steps = tables["walks_rows"], tables["walks_steps"]
    assert rows["start_source"].nunique() == len(rows) == found[0].scores["walks/digit_digit_reader"].n
    assert steps["seed"].nunique() == len(steps) == 3
    context = unit_context(world, world.unit("decoder", "both"), SPEC, found[1])
    assert (context.rows.table["split"].to_numpy()[rows["start"]] == "heldout").all()


def test_numbers_have_intervals_over_the_rows_that_walked(found):
    """Each score has what the table says of it; exact steps accept all."""
    score = found[0].scores["walks/digit_digit_reader"]
    assert score.low < score.value < score.high
    assert score.n == 10
    assert found[0].scores["walks/digit_acceptance"].value == 1


def test_the_map_and_the_strip_show_every_factor(found):
    """Both files are there; captions say what the map is and how long the walk."""
    drawn = {entry.file: entry for entry in found[0].drawn}
    assert set(drawn) == {"walks_map.png", "walks_strip.png"}
    assert all((found[1] / file).stat().st_size > 1000 for file in drawn)
    assert "the first 2 principal components" in drawn["walks_map.png"].caption
    assert "20 steps" in drawn["walks_strip.png"].caption
    assert "residual, digit, colour" in drawn["walks_map.png"].alt
    assert "digit in" in " ".join(found[0].words)


def test_langevin_walks_say_how_much_was_accepted(world, tmp_path):
    """And a model without a decoder has a map and no strip; a unit without factors walks in its residual."""
    spec = SPEC.model_copy(update={"method": "langevin", "steps": 3, "shown": 1})
    context = unit_context(world, world.unit("classifier", "none"), spec, tmp_path)
    walked = run(context, spec)
    assert [entry.file for entry in walked.drawn] == ["walks_map.png"]
    assert 0.3 < walked.scores["walks/residual_acceptance"].value <= 1
    assert any("Langevin proposals in 'residual'" in sentence for sentence in walked.words)


def test_frames_are_spread_over_the_walk():
    """The last step is shown; there are never more frames than steps."""
    assert frame_steps(SPEC) == [1, 7, 13, 20]
    assert frame_steps(SPEC.model_copy(update={"steps": 2})) == [1, 2]


def test_umap_that_is_not_installed_is_refused_before_any_compute(world, monkeypatch):
    """The remedy names the extra; components and `auto` need nothing."""
    monkeypatch.setattr(embedding_check, "has_umap", lambda: False)
    (problem,) = problems(world.plan, SPEC.model_copy(update={"embedding": "umap"}))
    assert "umap-learn, which is not installed" in problem.what
    assert "pip install 'iin[umap]'" in problem.fix
    assert problems(world.plan, SPEC) == problems(world.plan, WalksSpec()) == []
