"""What the comparison of layers reads, and what it cannot be made of."""

from __future__ import annotations

from tasks.experiments.planning import units_of
from tasks.experiments.spec import LayersSpec
from tasks.planned import Plan, Unit
from tasks.step import Step

RESPONSE = "response"
"""The experiment whose numbers stand in the chart too, where it ran."""


def chosen_units(plan: Plan, spec: LayersSpec) -> list[Unit]:
    """The units with concepts that the globs choose."""
    return [unit for unit in units_of(plan, spec) if unit.factors]


def reads(plan: Plan, target: Plan, spec: LayersSpec) -> dict[str, Step]:
    """The evaluation and the dimensions of each unit, and its response where that is asked for."""
    units = chosen_units(plan, spec)
    found = {f"evaluation {unit.name}": unit.evaluate for unit in units}
    found |= {f"dimensions {unit.name}": unit.dimensions for unit in units}
    names = {unit.name for unit in units}
    for experiment in plan.experiments:
        if experiment.name == RESPONSE and experiment.unit is not None and experiment.unit.name in names:
            found[f"response {experiment.unit.name}"] = experiment.step
    return found


def checkpoints_of(plan: Plan) -> list[list[str]]:
    """Models that differ in their checkpoint alone, in the order of the study: a training run each."""
    groups: dict[str, list[str]] = {}
    for model in plan.models:
        source = model.spec.source
        if source.checkpoint is not None:
            network = source.model_copy(update={"checkpoint": None}).model_dump_json(by_alias=True)
            groups.setdefault(network, []).append(model.name)
    return [names for names in groups.values() if len(names) > 1]


def problems(plan: Plan, spec: LayersSpec) -> list[str]:
    """A chart needs a unit with concepts."""
    if chosen_units(plan, spec):
        return []
    return ["Layers are compared by concepts, and no unit that `layers` chooses has any."]
