"""Of which layers it can be told what they discard, and against which code."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

import numpy as np

from iin_core.errors import IinError
from tasks.experiments.decoder_check import checked_images
from tasks.experiments.planning import matches
from tasks.experiments.seen import are_images
from tasks.experiments.spec import InvariancesOverDepthSpec, InvariancesSpec
from tasks.planned import LayerPlan, ModelPlan, Plan, PlannedExperiment, Unit
from tasks.sources.data import open_data
from tasks.step import Step

CODE, SPACE = "code", "space"
"""What the experiment reads besides its layer: the autoencoder's layer, and the IIN of the concept space."""


def code_layer(plan: Plan, spec: InvariancesSpec) -> LayerPlan | None:
    """The layer whose rows are z̄; None where it cannot be told."""
    found = _code_layers(plan, spec)
    return found[0] if len(found) == 1 else None


def space_unit(plan: Plan, spec: InvariancesSpec) -> Unit | None:
    """The unit whose IIN gives the concept space: of the code, the headline or the first with concepts."""
    code = code_layer(plan, spec)
    units = [
        unit
        for unit in plan.units
        if unit.layer == code and unit.factors and fnmatchcase(unit.concepts, spec.concepts)
    ]
    return next((unit for unit in units if unit.headline), units[0] if units else None)


def reads(plan: Plan, target: LayerPlan, spec: InvariancesSpec) -> dict[str, LayerPlan | Unit]:
    """The code's layer, and the unit of the concept space where there is one."""
    code, space = code_layer(plan, spec), space_unit(plan, spec)
    found: dict[str, LayerPlan | Unit] = {} if code is None else {CODE: code}
    return found if space is None else {**found, SPACE: space}


def applies(plan: Plan, target: LayerPlan, spec: InvariancesSpec) -> str:
    """Why it cannot be told what a layer discards; empty where it can, or where `problems` has the reason."""
    if target == code_layer(plan, spec):
        return "it is the code itself, against which layers are held"
    if target.n_rows is not None:
        return f"the reading {target.reading.name!r} gives several rows an example, and the code gives one"
    return ""


def problems(plan: Plan, spec: InvariancesSpec) -> list[str | IinError]:
    """There must be one code that determines its activation, concepts to ask for, and images to show."""
    found = _code_layers(plan, spec)
    if not found:
        named = spec.autoencoder or "a model with `decoder: output`"
        return [
            f"There is no autoencoder whose code could be held against the layers: {named} with a layer "
            f"{spec.code!r} whose rows determine its activation. Give `autoencoder` and `code`."
        ]
    if len(found) > 1:
        several = ", ".join(f"{layer.model}/{layer.layer}" for layer in found)
        return [f"Several layers could be the code: {several}. Give `autoencoder` and `code`."]
    if found[0].n % 2:
        return [
            f"The code {found[0].layer!r} has {found[0].n} features, an odd number, and a flow halves them."
        ]
    if not any(pairs.kind != "pairs" for pairs in plan.probed.values()):
        return ["No concept of the study has a column that could be read of what a layer discards."]
    if spec.concepts != "*" and space_unit(plan, spec) is None:
        sets = dict.fromkeys(unit.concepts for unit in plan.units if unit.layer == found[0] and unit.factors)
        return [
            f"No IIN with the concept set {spec.concepts!r} is trained on the code {found[0].layer!r}, which "
            f"would give the concept space; there are: {', '.join(sets) or 'none'}."
        ]
    return [*_undecodable(plan, plan.model(found[0].model))]


def depth_layers(plan: Plan, spec: InvariancesOverDepthSpec) -> list[PlannedExperiment]:
    """The layers of the chart, in the order in which the models call them: those that have `invariances`."""
    found = [
        planned
        for planned in plan.experiments
        if planned.name == "invariances" and planned.layer is not None and matches(planned.layer, spec)
    ]
    return sorted(found, key=lambda planned: planned.layer.index if planned.layer else 0)


def depth_reads(plan: Plan, target: Plan, spec: InvariancesOverDepthSpec) -> dict[str, Step]:
    """What was found of each layer."""
    return {planned.layer.title: planned.step for planned in depth_layers(plan, spec) if planned.layer}


def depth_problems(plan: Plan, spec: InvariancesOverDepthSpec) -> list[str]:
    """The chart is made of what `invariances` finds."""
    if depth_layers(plan, spec):
        return []
    return ["It is a chart of what `invariances` finds, and no chosen layer has that: ask for both."]


def _undecodable(plan: Plan, model: ModelPlan) -> Iterator[IinError]:
    """A decoder of images whose output is none could not be shown; data that are no images are not."""
    data = open_data(plan.study.data.source, plan.folder)
    if not model.spec.decoder or not are_images(data.batch(np.arange(1))):
        return
    try:
        checked_images(plan, model, data)
    except IinError as error:
        yield error


def _code_layers(plan: Plan, spec: InvariancesSpec) -> list[LayerPlan]:
    """Layers whose rows determine the activation, of the model that is named, or of those with a decoder."""
    models = [
        model
        for model in plan.models
        if (model.spec.decoder if spec.autoencoder is None else model.name == spec.autoencoder)
    ]
    return [
        layer
        for model in models
        for layer in model.layers
        if fnmatchcase(layer.layer, spec.code) and layer.lossless and layer.n_rows is None
    ]
