"""Are there enough rows for flows, and for probes of codes, as wide as a study's?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from iin_core.front.support import LEAST_DIMS, follows_rows
from tasks.errors import StudyError
from tasks.plan import Plan, Unit
from tasks.study_file import LoadedStudy

ROWS_A_DIMENSION = 4
"""Held-out rows for each dimension of a code, below which probes miss much of what it tells."""
NARROW = 16
"""Dimensions up to which a code is never called too wide."""


@dataclass(frozen=True)
class FewRows:
    """What is to be said of it, and what to do."""

    what: str
    fix: str


def few_rows(plan: Plan, heldout: int) -> FewRows | None:
    """Say which codes are too wide for so many held-out rows; None where none is.

    Probes read whitened codes, in which all directions are alike: with about as many directions as
    rows nothing can be read, whatever the code tells.
    """
    wide: dict[tuple[str, str], int] = {}
    for unit in plan.units:
        width, place = _width(unit), (unit.layer.model, unit.layer.layer)
        if width > max(NARROW, heldout // ROWS_A_DIMENSION):
            wide[place] = max(width, wide.get(place, 0))
    if not wide:
        return None
    named = ", ".join(f"{layer!r} of {model!r} {width}" for (model, layer), width in wide.items())
    narrower = max(NARROW, heldout // ROWS_A_DIMENSION // 2 * 2)
    return FewRows(
        f"{heldout} held-out rows are few for codes of so many dimensions: {named}. Probes will read less "
        "than there is, so that leaks look smaller than they are.",
        f"give {ROWS_A_DIMENSION * max(wide.values())} held-out rows or more, or make the codes narrower: "
        f"flow: {{front_dims: {narrower}}}, or a reading by pool",
    )


def too_few_rows(loaded: LoadedStudy, plan: Plan, training: int) -> Iterator[StudyError]:
    """Refuse flows of more dimensions than there are training rows to fill them."""
    wide = {(unit.layer.model, unit.layer.layer): _least_rows(unit) for unit in plan.units}
    for (model, layer), width in wide.items():
        if training < width:
            yield StudyError(
                f"{training} training rows are fewer than the {width} dimensions of layer {layer!r} of "
                f"{model!r}.",
                where=loaded.where("models", model, "layers", layer),
                fix=f"give at least {ROWS_A_DIMENSION * width} training rows, or let a front keep fewer "
                f"dimensions: flow: {{front_dims: {max(2, training // ROWS_A_DIMENSION // 2 * 2)}}}",
            )


def _least_rows(unit: Unit) -> int:
    """As many as the front keeps dimensions at least."""
    return LEAST_DIMS if follows_rows(unit.flow, unit.layer.n) else _width(unit)


def _width(unit: Unit) -> int:
    return min(unit.layer.n, unit.flow.most_dims) if unit.flow.front == "whiten" else unit.layer.n
