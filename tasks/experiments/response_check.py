"""Which units can have a response."""

from __future__ import annotations

from tasks.experiments.spec import ResponseSpec
from tasks.layer_places import reading_of
from tasks.planned import Plan, Unit


def applies(plan: Plan, unit: Unit, spec: ResponseSpec) -> str:
    """Rows that cannot be put back into the activation cannot be drawn anew in it."""
    return uneditable(unit)


def uneditable(unit: Unit) -> str:
    """Why the rows of a unit's layer cannot be changed in the running model; empty where they can."""
    if reading_of(unit.layer.reading, unit.layer.n_calls).editable:
        return ""
    return f"rows read by {unit.layer.reading.name!r} cannot be put back into the running model"
