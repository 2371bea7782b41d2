"""1-D embeddings in the sealed world: each factor orders by its own concept."""

from __future__ import annotations

import pytest

from tasks.experiments.embedding_check import applies
from tasks.experiments.embeddings import run
from tasks.experiments.spec import EmbeddingsSpec
from tasks.output import open_root
from tests.tasks.evaluation_world import make_world
from tests.tasks.experiments.unit_context import unit_context

SPEC = EmbeddingsSpec(embedding="pca", rows=150)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two models × three concept sets with perfect interpreters."""
    folder = tmp_path_factory.mktemp("embeddings")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield make_world(folder, open_root(str(folder / "root")))


def test_a_factor_orders_by_its_own_concept(world, tmp_path):
    """The other concept is at the level of shuffled ones; the residual holds the brightness."""
    found = run(unit_context(world, world.unit("classifier", "both"), SPEC, tmp_path), SPEC)
    for factor, concept in (("digit", "digit"), ("colour", "colour"), ("residual", "brightness")):
        assert found.scores[f"embeddings/{factor}_{concept}"].value > 0.8
    for factor, concept in (("digit", "colour"), ("colour", "digit"), ("residual", "digit")):
        score = found.scores[f"embeddings/{factor}_{concept}"]
        assert score.value < score.control_high + 0.1
    table = found.tables["embeddings"]
    assert table.set_index("concept")["kind"].to_dict() == {
        "digit": "label",
        "colour": "label",
        "brightness": "number",
    }
    assert len(found.tables["embeddings_rows"]) == len(found.tables["embeddings_rows"].drop_duplicates("row"))
    assert (tmp_path / "embeddings_map.png").exists()
    assert found.drawn[0].caption.startswith("One coordinate of each factor (first principal component")
    assert "orders by digit" in " ".join(found.words)


def test_a_unit_without_factors_has_nothing_to_be_drawn(world):
    """That is known before any compute."""
    assert applies(world.plan, world.unit("classifier", "both"), SPEC) == ""
    assert "concept set is empty" in applies(world.plan, world.unit("classifier", "none"), SPEC)
