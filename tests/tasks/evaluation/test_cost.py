"""What an evaluation is said to cost, beforehand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iin_core.spec import EvaluationSpec, FlowSpec, PairSpec, ReadingSpec, TrainingSpec
from tasks.data_sizes import DataSizes
from tasks.evaluation.cost import evaluation_cost
from tasks.planned import LayerPlan, Unit, UnitSettings
from tasks.step import Step

DATA = DataSizes(6000, 2700, {"digit": 10, "colour": 6, "brightness": 5})
LABELS = {"digit": PairSpec(), "colour": PairSpec()}
MEASURED_FULL = {
    "probes": 1.5,
    "families": 6.0,
    "conditional": 1.2,
    "critic": 9.5,
    "dependence": 10,
    "per_dimension": 170,
}
"""CPU seconds of one core at 2,700 rows, 64 dimensions, 10 + 6 classes."""


def unit_of(level: str, factors: dict[str, PairSpec], n: int = 64, **evaluation: object) -> Unit:
    step = Step("rows", 1, {}, {}, {}, "")
    layer = LayerPlan("net", "conv", 1, ReadingSpec(flatten=True), n, n, (n,), True, step)
    spec = EvaluationSpec(level=level).model_copy(update=evaluation)
    settings = UnitSettings(layer, "set", 0, FlowSpec(), TrainingSpec(), spec, None, True, "full")
    return Unit(settings, factors, step, step, step)


def test_the_constants_are_those_that_were_measured() -> None:
    """Every part of a full evaluation is within a factor of two of what it took."""
    data = replace(DATA, n_classes={"digit": 10, "colour": 6})
    parts = evaluation_cost(unit_of("full", LABELS, baselines=()), data).parts
    for name, seconds in MEASURED_FULL.items():
        assert seconds / 2 < parts[name] < seconds * 2, name


def test_levels_cost_more_and_more() -> None:
    """Baselines come on top of the default, and `full` on top of both."""
    default, baselines, full = (
        evaluation_cost(unit_of(level, LABELS), DATA).seconds for level in ("default", "baselines", "full")
    )
    assert default < baselines < full / 2
    assert set(evaluation_cost(unit_of("default", LABELS), DATA).parts) == {
        "probes",
        "layer",
        "baselines",
        "interchange",
        "rest",
    }


def test_units_that_are_evaluated_together_share_what_is_done_once() -> None:
    """Three seeds pay a third of the layer and of the baselines each, and all of what is their own."""
    alone, third = (evaluation_cost(unit_of("baselines", LABELS), DATA, n).parts for n in (1, 3))
    for name in ("layer", "baselines"):
        assert third[name] == pytest.approx(alone[name] / 3)
    assert (third["probes"], third["rest"]) == (alone["probes"], alone["rest"])
    assert third["interchange"] < alone["interchange"]


def test_pairs_are_fewer_by_default() -> None:
    """What a study leaves open is a quarter of the swaps on `default`; what it says stays."""
    default, baselines = (
        evaluation_cost(unit_of(level, LABELS), DATA).parts["interchange"]
        for level in ("default", "baselines")
    )
    assert default < baselines / 2
    assert EvaluationSpec(pairs=50, level="default").n_pairs == 50
    assert [EvaluationSpec().settled(budget).n_pairs for budget in ("full", "short")] == [4000, 1000]


@pytest.mark.parametrize(
    "larger",
    [
        (unit_of("full", LABELS), replace(DATA, n_heldout=5400)),
        (unit_of("full", LABELS, n=128), DATA),
        (unit_of("full", LABELS, permutations=2000), DATA),
        (unit_of("full", LABELS, folds=8), DATA),
        (unit_of("full", {**LABELS, "brightness": PairSpec(kind="numeric")}), DATA),
        (unit_of("full", LABELS), replace(DATA, n_classes={"digit": 1000, "colour": 6})),
    ],
    ids=["rows", "width", "permutations", "folds", "concepts", "classes"],
)
def test_more_of_anything_costs_more(larger: tuple[Unit, DataSizes]) -> None:
    """Rows, dimensions, permutations, folds, concepts and classes all count."""
    assert evaluation_cost(*larger).seconds > 1.1 * evaluation_cost(unit_of("full", LABELS), DATA).seconds


def test_an_empty_concept_set_swaps_nothing() -> None:
    """It has no interchange, no baselines and no single dimensions to score."""
    parts = evaluation_cost(unit_of("full", {}), DATA).parts
    assert {name for name, seconds in parts.items() if seconds == 0} == {
        "baselines",
        "interchange",
        "families",
        "conditional",
        "critic",
        "per_dimension",
    }
