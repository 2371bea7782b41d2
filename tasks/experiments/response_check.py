"""Which units can have a response, and what of the output it watches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from iin_core.errors import IinError
from iin_core.hooks import n_examples
from tasks.evaluation.output_parts import parts_of
from tasks.experiments.planning import models_of
from tasks.experiments.spec import ResponseSpec
from tasks.experiments.tried import output_of, some_examples
from tasks.experiments.watched import Watched, opened, own_parts
from tasks.fingerprint import fingerprint_source
from tasks.layer_places import reading_of
from tasks.planned import ModelPlan, Plan, Unit
from tasks.sources.data import Data, open_data
from tasks.sources.imported import resolve
from tasks.step import Step


def reads(plan: Plan, target: Unit, spec: ResponseSpec) -> Mapping[str, Step]:
    """The code of the study's own function: another one makes another output. It is no step of the plan."""
    if spec.output is None:
        return {}
    code = fingerprint_source(resolve(spec.output, plan.folder))
    return {"output function": Step("prepare", 1, {"output": True}, {}, {"code": code}, "output function")}


def problems(plan: Plan, spec: ResponseSpec) -> Iterator[IinError]:
    """What two examples through the models show to be wrong with what is to be watched."""
    if not (spec.output or spec.logits):
        return
    data = open_data(plan.study.data.source, plan.folder)
    for model in models_of(plan, spec):
        try:
            _watched(plan, model, data, opened(spec, plan.folder))
        except IinError as error:
            yield error


def _watched(plan: Plan, model: ModelPlan, data: Data, how: Watched) -> None:
    batch = some_examples(data)
    output = output_of(plan, model, batch)
    plain = "image" if model.spec.decoder and how.function is None else "output"
    mine = how.of(output)
    list(own_parts(parts_of(mine) or {plain: mine}, n_examples(batch), how.logits, set()))


def applies(plan: Plan, unit: Unit, spec: ResponseSpec) -> str:
    """Rows that cannot be put back into the activation cannot be drawn anew in it."""
    return uneditable(unit)


def uneditable(unit: Unit) -> str:
    """Why the rows of a unit's layer cannot be changed in the running model; empty where they can."""
    if reading_of(unit.layer.reading, unit.layer.n_calls).editable:
        return ""
    return f"rows read by {unit.layer.reading.name!r} cannot be put back into the running model"
