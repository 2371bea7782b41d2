"""The experiments of a study that the report tells of, read once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.experiments import EXPERIMENTS
from tasks.experiments.sealing import Sealed, read_found

if TYPE_CHECKING:
    from tasks.output import Root
    from tasks.planned import LayerPlan, Plan, PlannedExperiment, Unit


@dataclass(frozen=True)
class ExperimentFacts:
    """One experiment of the plan.

    Args:
        planned: which, and of what.
        found: what is sealed of it; None where it is not.
    """

    planned: PlannedExperiment
    found: Sealed | None


def read_experiments(plan: Plan, root: Root) -> tuple[ExperimentFacts, ...]:
    """Every experiment of the plan with what is sealed of it, in the order of the report.

    Raises:
        DamagedOutput: something sealed is no longer whole.
    """
    order = list(EXPERIMENTS)
    planned = sorted(plan.experiments, key=lambda entry: order.index(entry.name))
    outputs = [root.find(entry.step) for entry in planned]
    return tuple(
        ExperimentFacts(entry, None if output is None else read_found(output))
        for entry, output in zip(planned, outputs, strict=True)
    )


def of_unit(experiments: Sequence[ExperimentFacts], unit: Unit) -> list[ExperimentFacts]:
    """Those of a unit."""
    return [facts for facts in experiments if facts.planned.unit and facts.planned.unit.name == unit.name]


def of_layer(experiments: Sequence[ExperimentFacts], layer: LayerPlan) -> list[ExperimentFacts]:
    """Those of a layer itself, whatever unit."""
    return [
        facts
        for facts in experiments
        if facts.planned.unit is None and facts.planned.layer and facts.planned.layer.index == layer.index
    ]


def of_all(experiments: Sequence[ExperimentFacts]) -> list[ExperimentFacts]:
    """Those of whole models and of the study."""
    return [facts for facts in experiments if facts.planned.layer is None]
