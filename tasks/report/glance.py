"""The study on one screen: what each layer tells of each concept, how cleanly, and what a swap does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from tasks.report.facts import ALL, BINNED, StudyFacts, UnitFacts, records

if TYPE_CHECKING:
    from tasks.planned import LayerPlan

LONGEST = 48
"""Rows; a longer overview is folded."""
PARTS = ("read", "own", "leak", "swap")
_SHARES = {"joint": "", "isolate": "the rest stays", "cause": "it follows"}
"""Which share of swaps is shown, and what it is called where it is not all that a swap should do."""


@dataclass(frozen=True)
class Measured:
    """A share that is drawn as a bar.

    Args:
        value, low, high, chance: the share, its interval and what guessing reaches; None where there is none.
        of: which block leaks, or what alone is known of a swap.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    chance: float | None = None
    of: str = ""

    @property
    def at_chance(self) -> bool:
        """Whether guessing does as well."""
        return self.low is not None and self.chance is not None and self.low <= self.chance

    @property
    def bar(self) -> str:
        """How long the bar is, and where its mark of chance stands, as CSS variables."""
        return f"--v:{_percent(self.value)};--c:{_percent(self.chance)}"


@dataclass(frozen=True)
class Line:
    """One concept of one layer.

    Args:
        concept: as people call it.
        read: by a probe of the whole layer.
        own: by the same probe of the concept's own block.
        leak: by the same probe of the block that should not tell it and tells most.
        swap: how often the exchange of its block alone does what it should.
        unit: the IIN that `own`, `leak` and `swap` are of; None where no evaluated one has the concept.
    """

    concept: str
    read: Measured
    own: Measured
    leak: Measured
    swap: Measured
    unit: UnitFacts | None


@dataclass(frozen=True)
class LayerGlance:
    """The concepts of one layer."""

    layer: LayerPlan
    lines: Sequence[Line]


def glance(facts: StudyFacts) -> list[LayerGlance]:
    """Every layer of which something is evaluated, by depth, with every concept of the study."""
    found = [
        LayerGlance(layer, [_line(facts, layer, concept) for concept in facts.plan.probed])
        for model in facts.plan.models
        for layer in model.layers
    ]
    kept = [LayerGlance(of.layer, [line for line in of.lines if _is_told(line)]) for of in found]
    return [of for of in kept if of.lines]


def glance_table(found: Sequence[LayerGlance]) -> pd.DataFrame:
    """The same as a table, in full precision."""
    rows = [
        {
            "model": of.layer.model,
            "layer": of.layer.layer,
            "concept": line.concept,
            "concepts": "" if line.unit is None else line.unit.unit.concepts,
            "seed": None if line.unit is None else line.unit.unit.seed,
            **{
                f"{part}{suffix}": getattr(getattr(line, part), field)
                for part in PARTS
                for suffix, field in (("", "value"), ("_low", "low"), ("_high", "high"), ("_of", "of"))
            },
        }
        for of in found
        for line in of.lines
    ]
    return pd.DataFrame(rows)


def _is_told(line: Line) -> bool:
    return any(getattr(line, part).value is not None for part in PARTS)


def _line(facts: StudyFacts, layer: LayerPlan, concept: str) -> Line:
    table = facts.readable[facts.readable["index"] == layer.index]
    read = records(table[table["concept"].isin([concept, f"{concept}{BINNED}"])])
    unit = _teller(facts.of_layer(layer), concept)
    nothing = Measured()
    return Line(
        concept,
        _of_probe(read[0]) if read else nothing,
        nothing if unit is None else _own(unit, concept),
        nothing if unit is None else _leak(unit, concept),
        nothing if unit is None else _swap(unit, concept),
        unit,
    )


def _teller(units: Sequence[UnitFacts], concept: str) -> UnitFacts | None:
    """The headline unit before others, full budgets before short ones, large sets before small ones."""
    able = [unit for unit in units if unit.evaluated is not None and concept in unit.unit.factors]
    return min(
        able,
        key=lambda found: (
            not found.unit.headline,
            found.unit.budget == "short",
            -len(found.unit.factors),
            found.unit.seed,
        ),
        default=None,
    )


def _of_probe(row: Mapping[str, Any], of: str = "") -> Measured:
    value, low, high, chance = (_known(row[name]) for name in ("accuracy", "low", "high", "chance"))
    return Measured(value, low, high, chance, of)


def _probed(unit: UnitFacts, concept: str) -> list[dict[str, Any]]:
    table = unit.leakage()
    return records(table[table["concept"].isin([concept, f"{concept}{BINNED}"])])


def _own(unit: UnitFacts, concept: str) -> Measured:
    return next((_of_probe(row) for row in _probed(unit, concept) if row["block"] == concept), Measured())


def _leak(unit: UnitFacts, concept: str) -> Measured:
    rows = [row for row in _probed(unit, concept) if row["block"] not in (concept, ALL)]
    if not rows:
        return Measured()
    worst = max(rows, key=lambda row: row["accuracy"])
    return _of_probe(worst, str(worst["block"]))


def _swap(unit: UnitFacts, concept: str) -> Measured:
    table = unit.swaps()
    for row in records(table[table["factor"] == concept]):
        for share, words in _SHARES.items():
            if pd.notna(row[share]):
                low, high, chance = (_known(row[f"{share}_{name}"]) for name in ("low", "high", "chance"))
                return Measured(float(row[share]), low, high, chance, words)
    return Measured()


def _known(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def _percent(value: float | None) -> str:
    return "-1%" if value is None else f"{100 * min(max(value, 0.0), 1.0):.1f}%"
