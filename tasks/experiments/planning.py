"""The experiments of a study turned into steps: on which units, layers and models, and their keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from tasks.experiments import EXPERIMENTS, Experiment, resolved
from tasks.experiments.spec import ExperimentSpec
from tasks.planned import LayerPlan, ModelPlan, Plan, PlannedExperiment, Unit
from tasks.step import Step

GLOBS = tuple(ExperimentSpec.model_fields)
Target = Unit | LayerPlan | ModelPlan | Plan
Outside = Mapping[str, Mapping[str, str]]
"""Model → "model" and "reader" → fingerprint, of what no step of the study makes."""


@dataclass(frozen=True)
class LeftOut:
    """A unit, layer or model that globs choose and that cannot have an experiment.

    Args:
        experiment: its name.
        target: how a person calls the unit, layer or model.
        why: in words.
    """

    experiment: str
    target: str
    why: str


def with_experiments(plan: Plan, outside: Outside, version: int) -> Plan:
    """The plan with a step for each experiment on all that can have it; those of the study come last.

    Args:
        plan: without experiments.
        outside: fingerprints of models and readers as they are.
        version: of this kind of step; each experiment has a version of its own beside it.
    """
    for scope in ("unit", "layer", "model", "study"):
        found = [
            _planned(plan, EXPERIMENTS[name], spec, target, (version, outside))
            for name, spec in plan.study.experiments.asked().items()
            if EXPERIMENTS[name].scope == scope
            for target in chosen(plan, EXPERIMENTS[name], spec)
            if not why_not(plan, EXPERIMENTS[name], spec, target)
        ]
        plan = replace(plan, experiments=(*plan.experiments, *found))
    return plan


def left_out(plan: Plan, name: str, spec: ExperimentSpec) -> list[LeftOut]:
    """What the globs of an experiment choose and what cannot have it."""
    experiment = EXPERIMENTS[name]
    found = ((target, why_not(plan, experiment, spec, target)) for target in chosen(plan, experiment, spec))
    return [LeftOut(name, called(target), why) for target, why in found if why]


def why_not(plan: Plan, experiment: Experiment, spec: ExperimentSpec, target: Target) -> str:
    """Why a unit, layer or model cannot have an experiment; empty where it can."""
    if experiment.applies is None:
        return ""
    return str(resolved(experiment.applies)(plan, target, spec))


def chosen(plan: Plan, experiment: Experiment, spec: ExperimentSpec) -> list[Any]:
    """The units, layers or models that an experiment's globs choose; the plan itself for the study."""
    if experiment.scope == "study":
        return [plan]
    if experiment.scope == "model":
        return [model for model in plan.models if fnmatchcase(model.name, spec.model)]
    if experiment.scope == "unit":
        return units_of(plan, spec)
    return [layer for model in plan.models for layer in model.layers if matches(layer, spec)]


def units_of(plan: Plan, spec: ExperimentSpec) -> list[Unit]:
    """The units that globs choose."""
    return [
        unit for unit in plan.units if matches(unit.layer, spec) and fnmatchcase(unit.concepts, spec.concepts)
    ]


def matches(layer: LayerPlan, spec: ExperimentSpec) -> bool:
    """Whether globs choose a layer."""
    return fnmatchcase(layer.model, spec.model) and fnmatchcase(layer.layer, spec.layer)


def models_of(plan: Plan, spec: ExperimentSpec) -> list[ModelPlan]:
    """The models on which, on whose layers or on whose units an experiment of the plan is done."""
    models = (planned.model for planned in plan.experiments if planned.spec == spec)
    return list({model.name: model for model in models if model is not None}.values())


def called(target: Target) -> str:
    """How a person calls a unit, a layer, a model or a study."""
    if isinstance(target, LayerPlan):
        return target.title
    return target.study.name if isinstance(target, Plan) else target.name


def _planned(
    plan: Plan, experiment: Experiment, spec: ExperimentSpec, target: Target, known: tuple[int, Outside]
) -> PlannedExperiment:
    version, outside = known
    unit = target if isinstance(target, Unit) else None
    layer = unit.layer if unit else target if isinstance(target, LayerPlan) else None
    model = plan.model(layer.model) if layer else target if isinstance(target, ModelPlan) else None
    reads = dict(resolved(experiment.reads)(plan, target, spec)) if experiment.reads else {}
    inputs: dict[str, str] = {"rows": plan.rows.key}
    fingerprints: dict[str, str] = {}
    if layer is not None:
        inputs["activations"] = layer.extract.key
    if unit is not None:
        inputs["unit"] = unit.train.key
    models = [model] if model is not None else []
    for name, found in reads.items():
        if isinstance(found, Step):
            inputs[name] = found.key
            continue
        other = found.layer if isinstance(found, Unit) else found
        inputs[name] = (found.train if isinstance(found, Unit) else found.extract).key
        models.append(plan.model(other.model))
    for role, key, is_step in _networks(models, outside):
        (inputs if is_step else fingerprints)[role] = key
    settings = {
        "experiment": experiment.name,
        "version": experiment.version,
        "settings": spec.model_dump(mode="json", exclude=set(GLOBS)),
        **_surroundings(plan, unit, models),
    }
    label = f"{experiment.name} · {called(target)}"
    step = Step("experiments", version, settings, inputs, fingerprints, label)
    return PlannedExperiment(experiment.name, spec, step, unit, layer, model, reads)


def _networks(models: list[ModelPlan], outside: Outside) -> Iterator[tuple[str, str, bool]]:
    """Role, key, and whether it is a step's, of each network that is run: its own model's first."""
    for place, model in enumerate({model.name: model for model in models}.values()):
        called_so = "" if place == 0 else f" of {model.name}"
        for role, step in (("model", model.prepare), ("reader", model.reader_prepare)):
            if step is not None:
                yield role + called_so, step.key, True
            elif role in outside[model.name]:
                yield role + called_so, outside[model.name][role], False


def _surroundings(plan: Plan, unit: Unit | None, models: list[ModelPlan]) -> dict[str, Any]:
    """What the context holds beside the inputs: concepts, readers, and how intervals are made."""
    if not models:
        return {}
    measuring = (unit.evaluation if unit else plan.study.evaluation).model_dump(mode="json")
    return {
        "measuring": {name: measuring[name] for name in ("bootstrap", "seed")},
        "probed": [[name, pairs.kind, pairs.column] for name, pairs in plan.probed.items()],
        "networks": [
            [[head.model_dump(mode="json") for head in model.spec.head], model.spec.decoder]
            for model in {model.name: model for model in models}.values()
        ],
    }
