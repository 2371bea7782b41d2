"""Are there enough held-out rows for probes of codes as wide as a study's?"""

from __future__ import annotations

from dataclasses import dataclass

from tasks.plan import Plan, Unit

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


def _width(unit: Unit) -> int:
    return min(unit.layer.n, unit.flow.front_dims) if unit.flow.front == "whiten" else unit.layer.n
