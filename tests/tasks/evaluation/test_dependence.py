"""Dependence between the blocks of a unit."""

from __future__ import annotations

import numpy as np
import pytest

from iin_core.spec import EvaluationSpec
from tasks.evaluation.dependence import block_dependence, some_rows
from tests.tasks.evaluation.code_material import make_material

SPEC = EvaluationSpec(level="full", permutations=39)
DIMS = {"residual": 2, "digit": 1, "colour": 1}
SOURCE = np.repeat(np.arange(50), 2)


def _code(n: int = 100) -> np.ndarray:
    """The digit's block bends into the residual, the colour's is on its own."""
    rng = np.random.default_rng(0)
    code = rng.normal(size=(n, 4))
    code[:, 0] = code[:, 2] ** 2 + 0.2 * code[:, 0]
    return code


def test_the_pair_that_depends_is_found() -> None:
    """Both tests name residual and digit; covariances alone see nothing of it."""
    table, scores, why = block_dependence(make_material(_code(), DIMS, {}, SOURCE), SPEC)
    assert why == {}
    for measure in ("distance_correlation", "hsic"):
        rows = table[table["measure"] == measure].set_index(["block", "other"])
        assert len(rows) == 3
        assert rows["value"].idxmax() == ("residual", "digit")
        assert rows.loc[("residual", "digit"), "p_value"] == 1 / 40
        assert rows.loc[("residual", "colour"), "p_value"] > 0.05
        score = scores[f"dependence/{measure}"]
        assert score.control < score.control_high < score.low < score.value < score.high
        assert scores[f"dependence/{measure}_p"].value == pytest.approx(3 / 40)
    total = scores["dependence/total_correlation"]
    assert total.low < total.value < total.high
    assert table["control_high"].notna().all()


def test_what_cannot_be_measured_has_a_reason() -> None:
    """Sources of all different sizes leave no permutations, fewer rows than dimensions no covariance."""
    uneven = np.repeat(np.arange(5), [5, 10, 20, 30, 35])
    table, scores, why = block_dependence(make_material(_code(), DIMS, {}, uneven), SPEC)
    assert scores == {}
    assert len(table) == 0
    assert "allow too few permutations" in why["dependence/hsic_p"]
    wide = {"residual": 60, "digit": 1}
    code = np.random.default_rng(0).normal(size=(60, 61))
    _, scores, why = block_dependence(make_material(code, wide, {}, np.arange(60)), SPEC)
    assert set(why) == {"dependence/total_correlation"}
    assert "no covariance of full rank over 61 dimensions" in why["dependence/total_correlation"]
    _, _, why = block_dependence(make_material(_code(), {"residual": 4}, {}, SOURCE), SPEC)
    assert set(why.values()) == {"the code has one block only"}


def test_blocks_that_determine_each_other_are_infinitely_dependent() -> None:
    """The total correlation is infinite, without an interval and without a warning."""
    code = _code()
    code[:, 3] = code[:, 2]
    _, scores, _ = block_dependence(make_material(code, DIMS, {}, SOURCE), SPEC)
    assert scores["dependence/total_correlation"].value == np.inf
    assert scores["dependence/total_correlation"].low is None


@pytest.mark.parametrize("most", [10, 51, 1000])
def test_whole_sources_enter_the_tests(most: int) -> None:
    """As many sources as fit, each with all of its rows."""
    rows = some_rows(SOURCE, 0, most)
    assert len(rows) == min(most - most % 2, 100)
    assert set(np.unique(SOURCE[rows], return_counts=True)[1]) == {2}
