"""Flat scores: how worst, control and reasons are chosen."""

from __future__ import annotations

import numpy as np
import pytest

from iin_core.metrics import BlockFit, Leakage, LeakageCell, Score
from iin_core.spec import EvaluationSpec
from tasks.evaluation.interchanges import Interchanged
from tasks.evaluation.keys import SCORE_KEYS
from tasks.evaluation.measured import Measured
from tasks.evaluation.scores import flat_scores
from tasks.evaluation.tables import grouped, tables

WHY = {"head": "no head", "reader": "no reader"}


def _cell(probe: str, block: str, concept: str, accuracy: float, control: float = 0.1, chance: float = 0.1):
    score = Score(accuracy, chance=chance, control=control, low=accuracy, high=accuracy, n=10)
    v = Score(max(0.0, accuracy - 0.5), chance=0.0, control=0.0)
    draws = np.array([accuracy - 0.1, accuracy + 0.1])
    drawn = (draws, np.maximum(draws - 0.5, 0), np.array([control, control]))
    return LeakageCell(probe, block, concept, block == concept, score, v, *drawn)


CELLS = (
    _cell("mlp", "residual", "digit", 0.15, 0.13),
    _cell("mlp", "residual", "colour", 0.55, 0.52, chance=0.5),
    _cell("mlp", "digit", "digit", 0.9),
    _cell("mlp", "digit", "colour", 0.58, 0.51, chance=0.5),
    _cell("mlp", "colour", "digit", 0.12, 0.17),
    _cell("mlp", "colour", "colour", 1.0, chance=0.5),
    _cell("mlp", "residual", "mood", 0.99),
)


SPEC = EvaluationSpec(level="baselines")


def _measured(cells=CELLS, **numbers: float) -> Measured:
    whole = tuple(_cell("mlp", "all", concept, 1.0) for concept in ("digit", "colour"))
    leakages = {"iin": Leakage(tuple(cells)), "layer": Leakage(whole)}
    singles = {key: Score(value) for key, value in numbers.items()}
    fits = (BlockFit("residual", 0.1, 1.2, 1, 1.4), BlockFit("digit", 0.3, 0.5, 0.4, 0.6))
    return Measured(leakages, grouped(leakages), Interchanged({}, {}, WHY), fits, singles, {})


def test_worst_is_furthest_above_its_own_chance() -> None:
    """0.58 at chance 0.5 leaks more than 0.15 at 0.1; control is chance and what luck adds at worst."""
    scores, _ = flat_scores(_measured(), {}, SPEC)
    assert scores["score/leak_worst"] == scores["leakage/mlp_worst"] == 0.58
    assert (scores["score/leak_chance"], scores["score/leak_excess"]) == (0.5, pytest.approx(0.08))
    assert scores["leakage/residual_mlp_worst"] in (0.15, 0.55)
    assert scores["leakage/mlp_control"] == pytest.approx(0.57)
    assert scores["leakage/mlp_own_mean"] == pytest.approx(0.95)
    assert scores["leakage/mlp_mean"] == pytest.approx((0.15 + 0.55 + 0.58 + 0.12) / 4)


def test_the_worst_block_of_the_prior_may_be_too_narrow() -> None:
    """A block at half the prior's deviation is further off than one at 1.2 times."""
    scores, _ = flat_scores(_measured(), {}, SPEC)
    assert (scores["prior/std_worst"], scores["prior/std_residual"], scores["prior/mean_worst"]) == (
        0.5,
        1.2,
        0.3,
    )


def test_reasons_are_those_of_the_kind_of_score() -> None:
    """A missing reader, a probe left out and a baseline that could not be fitted are told apart."""
    scores, why = flat_scores(_measured(), {"lda": "leaves it out", "class_means": "no direction"}, SPEC)
    assert why["score/joint_head"] == "no head"
    assert why["interchange/reader_cause"] == "no reader"
    assert why["leakage/linear_worst"] == "the study's evaluation.probes leaves it out"
    assert why["baseline/lda_mig"] == "leaves it out"
    assert why["baseline/class_means_joint_head"] == "no direction"
    assert set(scores) == set(SCORE_KEYS)


def test_numbers_that_are_not_finite_are_null() -> None:
    """JSON has no NaN: the value is null and the reason says what it was."""
    scores, why = flat_scores(_measured(**{"score/nll_per_dim": float("inf")}), {}, SPEC)
    assert scores["score/nll_per_dim"] is None
    assert why["score/nll_per_dim"] == "the value is not finite"


def test_one_concept_has_no_modularity() -> None:
    """With a single concept InfoM is null and says so, while MIG has a value."""
    scores, why = flat_scores(
        _measured([_cell("mlp", "residual", "digit", 0.2), _cell("mlp", "digit", "digit", 0.9)]), {}, SPEC
    )
    assert scores["score/mig"] == pytest.approx(0.4)
    assert why["information/infom"] == "modularity needs two concepts"


def test_tables_have_their_columns_also_when_empty() -> None:
    """A unit without interchange has an empty table with the same header."""
    found = tables(_measured())
    assert found["interchange"].empty
    assert "ceiling" in found["interchange"].columns
    assert len(found["leakage"]) == len(CELLS) + 2


def test_every_share_has_its_interval_and_its_control() -> None:
    """Interval and control of a leak stand beside it; a mean's interval is over the same draws."""
    scores, _ = flat_scores(_measured(), {}, SPEC)
    assert (scores["score/leak_worst_low"], scores["score/leak_worst_high"]) == (0.58, 0.58)
    assert scores["score/leak_worst_control"] == pytest.approx(0.57)
    assert scores["leakage/mlp_own_mean_low"] == pytest.approx(0.855)
    assert scores["leakage/mlp_own_mean_high"] == pytest.approx(1.045)
    assert scores["score/mig_low"] < scores["score/mig"] < scores["score/mig_high"]
    assert scores["score/mig_control"] == 0


def test_what_is_not_asked_for_says_so() -> None:
    """Scores of `full` and their companions are null with the reason; so is an interval without draws."""
    scores, why = flat_scores(_measured(), {}, SPEC)
    full = [key for key in SCORE_KEYS if key.split("/")[0] in ("families", "dependence", "per_dimension")]
    assert {why[key] for key in full} == {"measured on `evaluation: full` only"}
    assert all(scores[key] is None for key in full)
    assert why["prior/std_residual_low"] == "no interval: the study's evaluation.bootstrap is 0"
    assert why["leakage/remainder_mlp_worst_high"].startswith("nothing passes by the flow")
