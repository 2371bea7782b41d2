"""The few numbers that the report shows large."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.report.cells import READERS, beside
from tasks.report.facts import StudyFacts, UnitFacts, records
from tasks.report.text import NONE, interval, number, share


@dataclass(frozen=True)
class Card:
    """One number of the headline.

    Args:
        label: what it is.
        value: the number.
        range: its interval; empty where there is none.
        beside: what to hold it against.
    """

    label: str
    value: str
    range: str
    beside: str


def card_unit(facts: StudyFacts) -> UnitFacts | None:
    """The headline unit with the best joint score; None where nothing with concepts is evaluated."""
    units = [unit for unit in facts.headline if unit.unit.factors]
    return max(units, key=lambda unit: _joint(unit) or -1.0, default=None)


def cards(unit: UnitFacts) -> list[Card]:
    """The numbers of a unit that are shown large; those that do not apply are left out."""
    return [card for card in (_joint_card(unit), *_score_cards(unit)) if card.value != NONE]


def _joint(unit: UnitFacts) -> float | None:
    reader = unit.scores.get("score/joint_reader")
    return unit.scores.get("score/joint_head") if reader is None else reader


def _joint_card(unit: UnitFacts) -> Card:
    swaps = unit.swaps()
    if swaps.empty:
        return Card("", NONE, "", "")
    row = records(swaps[swaps["factor"] == "mean"])[0]
    who, ceiling = READERS[str(row["reader"])], share(row["ceiling"])
    held = _levels(row, "joint_")
    range_ = interval(row["joint_low"], row["joint_high"]).strip()
    return Card(
        "joint interchange", share(row["joint"]), range_, f"by {who}, whose ceiling is {ceiling}{held}"
    )


def _score_cards(unit: UnitFacts) -> Iterator[Card]:
    scores = unit.scores
    for key, label, held in (
        ("score/leak_worst", "worst leak between blocks", ""),
        ("score/mig", "grouped MIG", "1 is best"),
    ):
        found = unit.companions(key)
        range_ = interval(found["low"], found["high"]).strip()
        yield Card(label, share(scores.get(key)), range_, (held + _levels(found)).removeprefix("; "))
    inverse = number(scores.get("score/invertibility_error"))
    yield Card(
        "largest error of the inverse", inverse, "", "over all held-out rows, in the activation's units"
    )


def _levels(found: Mapping[str, Any], stem: str = "") -> str:
    """`; chance 0.10 · shuffled 0.11`."""
    said = beside({f"{stem}{level}": found.get(f"{stem}{level}") for level in ("chance", "control")}, stem)
    return f"; {said}" if said else ""
