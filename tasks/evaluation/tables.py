"""The tables of a sealed evaluation (docs/formats.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from iin_core.metrics import (
    BlockFit,
    FactorInterchange,
    GroupedInformation,
    Interchange,
    Leakage,
    Score,
    grouped_information,
)
from iin_core.metrics.leakage import ALL
from tasks.evaluation.interchanges import Interchanged

LAYER = "layer"
"""The method under which the activations themselves were probed."""
_COLUMNS = {
    "leakage": "method probe block concept accuracy chance control low high n v_information",
    "interchange": "method reader factor cause isolate joint chance low high n ceiling",
    "information": "method probe mig infom infoc infoe",
    "prior": "block mean std std_low std_high",
}


@dataclass(frozen=True)
class Measured:
    """Everything that was measured of a unit, before it becomes files.

    Args:
        leakages: method → probe leakage matrix; "layer" is the activations themselves.
        information: (method, probe) → grouped scores.
        interchanges: of all methods and readers.
        prior: one entry a block.
        numbers: score key → value, for what is a single number.
        why: score key → why there is none.
    """

    leakages: Mapping[str, Leakage]
    information: Mapping[tuple[str, str], GroupedInformation]
    interchanges: Interchanged
    prior: tuple[BlockFit, ...]
    numbers: Mapping[str, float]
    why: Mapping[str, str]


def grouped(
    leakages: Mapping[str, Leakage],
) -> dict[tuple[str, str], GroupedInformation]:
    """Grouped scores of every method with blocks, over the unit's own concepts.

    A linear baseline tells as a whole what the activations tell: its InfoE is theirs.
    """
    found = {}
    for method, leakage in leakages.items():
        for probe in {cell.probe: None for cell in leakage.cells}:
            owned = [cell.concept for cell in leakage.own(probe)]
            if method == LAYER or not owned:
                continue
            v = leakage.v_information(probe)
            if ALL not in v.index:
                v = pd.concat([v, leakages[LAYER].v_information(probe)])
            found[method, probe] = grouped_information(v[owned])
    return found


def tables(measured: Measured) -> dict[str, pd.DataFrame]:
    """File name (without .csv) → table."""
    entries: dict[str, list[dict[str, Any]]] = {
        "leakage": _leakage(measured.leakages),
        "interchange": _interchange(measured.interchanges),
        "information": [
            {"method": method, "probe": probe, **vars(scores)}
            for (method, probe), scores in measured.information.items()
        ],
        "prior": [vars(fit) for fit in measured.prior],
    }
    return {name: pd.DataFrame(rows, columns=_COLUMNS[name].split()) for name, rows in entries.items()}


def _leakage(leakages: Mapping[str, Leakage]) -> list[dict[str, Any]]:
    return [
        {
            "method": method,
            "probe": cell.probe,
            "block": cell.block,
            "concept": cell.concept,
            "accuracy": cell.accuracy.value,
            "chance": cell.accuracy.chance,
            "control": cell.accuracy.control,
            "low": cell.accuracy.low,
            "high": cell.accuracy.high,
            "n": cell.accuracy.n,
            "v_information": cell.v_information,
        }
        for method, leakage in leakages.items()
        for cell in leakage.cells
    ]


def _interchange(found: Interchanged) -> list[dict[str, Any]]:
    rows = []
    for (method, reader), scores in found.found.items():
        start = {"method": method, "reader": reader}
        entries: list[FactorInterchange | Interchange] = [*scores.factors, scores]
        for entry in entries:
            name = entry.factor if isinstance(entry, FactorInterchange) else "mean"
            rows.append({**start, "factor": name, **_kinds(entry), "ceiling": found.ceilings[reader]})
    return rows


def _kinds(entry: FactorInterchange | Interchange) -> dict[str, Any]:
    """The three shares; chance, interval and n are those of joint, or of what there is instead."""
    shown = entry.joint or entry.isolate or entry.cause or Score(float("nan"))
    shares = {
        kind: None if (s := getattr(entry, kind)) is None else s.value
        for kind in ("cause", "isolate", "joint")
    }
    return {**shares, "chance": shown.chance, "low": shown.low, "high": shown.high, "n": shown.n}
