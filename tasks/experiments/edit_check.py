"""What swaps, edits and transfers need of a unit, told before any compute."""

from __future__ import annotations

from collections.abc import Iterator

from iin_core.errors import IinError
from tasks.conditions import study_data
from tasks.errors import StudyError
from tasks.experiments.decoder_check import image_problems
from tasks.experiments.response_check import uneditable
from tasks.experiments.spec import EditsSpec, SwapsSpec, TransferSpec
from tasks.planned import Plan, Unit
from tasks.step import Step

_NO_DECODER = "there is no decoder: a swap is shown as an image that the model decodes (`decoder: output`)"


def swaps_apply(plan: Plan, unit: Unit, spec: SwapsSpec) -> str:
    """Why a unit cannot have swap grids; empty where it can."""
    if not unit.factors:
        return "its concept set is empty: there is no factor to swap"
    return uneditable(unit) or ("" if plan.model(unit.model).spec.decoder else _NO_DECODER)


def swaps_read(plan: Plan, unit: Unit, spec: SwapsSpec) -> dict[str, Step]:
    """The unit's evaluation, whose swaps of many more pairs stand beside those that are shown."""
    return {"evaluation": unit.evaluate}


def edits_apply(plan: Plan, unit: Unit, spec: EditsSpec) -> str:
    """Why nothing can be edited in a unit; empty where something can."""
    if not editable(plan, unit, spec):
        return (
            "it has no concept of two labels, no number, and none that `to` names: give the labels, "
            "such as `edits: {to: {digit: [3, 8]}}`"
        )
    return uneditable(unit) or _unseen(plan, unit)


def transfer_applies(plan: Plan, unit: Unit, spec: TransferSpec) -> str:
    """Why no class can be transferred in a unit; empty where one can."""
    if not any(pairs.kind == "label" for pairs in unit.factors.values()):
        return "it has no concept of labels, whose classes could be transferred"
    return uneditable(unit) or _unseen(plan, unit)


def editable(plan: Plan, unit: Unit, spec: EditsSpec) -> list[str]:
    """The concepts of a unit that are edited: numbers, those of two labels, and those that `to` names."""
    return [
        name
        for name, pairs in unit.factors.items()
        if pairs.kind == "numeric"
        or (pairs.kind == "label" and (name in spec.to or plan.sizes.n_classes.get(name) == 2))
    ]


def edit_problems(plan: Plan, spec: EditsSpec) -> list[IinError]:
    """Concepts and labels of `to` that there are not, and decoders whose output is no image."""
    return [*_unknown(plan, spec), *image_problems(plan, spec)]


def _unseen(plan: Plan, unit: Unit) -> str:
    model = plan.model(unit.model).spec
    if model.head or model.decoder or model.reader:
        return ""
    return (
        "nothing shows what an edit does: give the model a `head`, `decoder: output` with a `reader`, or, "
        "where it returns vectors, `reader: {probe: [concept]}`"
    )


def _unknown(plan: Plan, spec: EditsSpec) -> Iterator[StudyError]:
    if not spec.to:
        return
    table = study_data(plan.study, plan.folder).table
    for name, labels in spec.to.items():
        pairs = plan.probed.get(name)
        if pairs is None or pairs.kind == "pairs" or pairs.column not in table:
            known = ", ".join(n for n, p in plan.probed.items() if p.kind != "pairs")
            yield StudyError(
                f"`to` names {name!r}, which is no concept with labels or numbers.", fix=f"there are: {known}"
            )
        elif pairs.kind == "label":
            there = set(table[pairs.column].dropna().tolist())
            absent = [label for label in labels if label not in there]
            if absent:
                some = ", ".join(map(str, sorted(there, key=str)[:12]))
                yield StudyError(f"No row has the {name} {absent[0]!r}.", fix=f"its labels: {some}")
        elif any(isinstance(label, str | bool) for label in labels):
            yield StudyError(f"{name!r} is a number, and `to` sets it to a word.", fix="give numbers")
