"""The tables of a sealed evaluation (docs/formats.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from iin_core.metrics import (
    BlockFit,
    FactorInterchange,
    GroupedInformation,
    Interchange,
    Leakage,
    Score,
    grouped_scores,
)
from tasks.evaluation.interchanges import Interchanged
from tasks.evaluation.keys import INFORMATION, KINDS
from tasks.evaluation.measured import Measured

LAYER = "layer"
"""The method under which the activations themselves were probed."""
REMAINDER = "remainder"
"""The block that stands for what a front leaves out: it passes by the flow."""
BESIDE = ("chance", "control", "low", "high")
"""What stands beside a number, as `<number>_<suffix>` where a line holds several."""


def _with_companions(*names: str) -> list[str]:
    return [column for name in names for column in (name, *(f"{name}_{suffix}" for suffix in BESIDE))]


COLUMNS: Mapping[str, list[str]] = {
    "leakage": [
        *[
            "method",
            "probe",
            "block",
            "concept",
            "accuracy",
            "chance",
            "control",
            "control_high",
            "low",
            "high",
            "n",
        ],
        *("v_information", "v_information_control", "v_information_low", "v_information_high"),
    ],
    "interchange": [
        *("method", "reader", "factor"),
        *_with_companions(*KINDS),
        *("n", "ceiling", "ceiling_low", "ceiling_high"),
    ],
    "information": [
        *("method", "probe"),
        *(c for name in INFORMATION for c in (name, f"{name}_control", f"{name}_low", f"{name}_high")),
    ],
    "prior": [
        "block",
        "mean",
        "mean_low",
        "mean_high",
        "std",
        "std_low",
        "std_high",
        "std_least",
        "std_most",
    ],
}
"""Table → its columns."""


def grouped(leakages: Mapping[str, Leakage]) -> dict[tuple[str, str], GroupedInformation[Score]]:
    """Grouped scores of every method with blocks, over the unit's own concepts.

    A linear baseline tells as a whole what the activations tell: its InfoE is theirs.
    """
    found = {}
    for method, leakage in leakages.items():
        for probe in {cell.probe: None for cell in leakage.cells}:
            if method != LAYER and leakage.own(probe):
                found[method, probe] = grouped_scores(leakage, probe, leakages.get(LAYER))
    return found


def tables(measured: Measured) -> dict[str, pd.DataFrame]:
    """File name (without .csv) → table."""
    families = {"iin": measured.families} if measured.families is not None else {}
    entries: dict[str, list[dict[str, Any]]] = {
        "leakage": [*_leakage(measured.leakages), *_leakage(families)],
        "interchange": _interchange(measured.interchanges),
        "information": [
            {"method": method, "probe": probe, **_grouped(scores)}
            for (method, probe), scores in measured.information.items()
        ],
        "prior": [_prior(fit) for fit in measured.prior],
    }
    made = {name: pd.DataFrame(rows, columns=COLUMNS[name]) for name, rows in entries.items()}
    return {**made, **measured.tables}


def beside(name: str, score: Score | None) -> dict[str, Any]:
    """A number and its companions as cells of one line."""
    if score is None:
        return {}
    return {name: score.value, **{f"{name}_{suffix}": getattr(score, suffix) for suffix in BESIDE}}


def _leakage(leakages: Mapping[str, Leakage]) -> list[dict[str, Any]]:
    return [
        {
            "method": method,
            "probe": cell.probe,
            "block": cell.block,
            "concept": cell.concept,
            **{suffix: getattr(cell.accuracy, suffix) for suffix in (*BESIDE, "control_high", "n")},
            "accuracy": cell.accuracy.value,
            **beside("v_information", cell.v),
        }
        for method, leakage in leakages.items()
        for cell in leakage.cells
    ]


def _grouped(scores: GroupedInformation[Score]) -> dict[str, Any]:
    return {
        column: value for name in INFORMATION for column, value in beside(name, getattr(scores, name)).items()
    }


def _interchange(found: Interchanged) -> list[dict[str, Any]]:
    rows = []
    for (method, reader), scores in found.found.items():
        start = {"method": method, "reader": reader}
        ceiling = found.ceilings[reader]
        ends = {"ceiling": ceiling.value, "ceiling_low": ceiling.low, "ceiling_high": ceiling.high}
        listed: list[FactorInterchange | Interchange] = [*scores.factors, scores]
        for entry in listed:
            name = entry.factor if isinstance(entry, FactorInterchange) else "mean"
            rows.append({**start, "factor": name, **_kinds(entry), **ends})
        residual = found.residual.get((method, reader))
        if residual is not None:
            told = {**beside("isolate", residual), "n": residual.n}
            rows.append({**start, "factor": "residual", **told, **ends})
    return rows


def _kinds(entry: FactorInterchange | Interchange) -> dict[str, Any]:
    scores = {kind: getattr(entry, kind) for kind in KINDS}
    cells = {column: value for kind in KINDS for column, value in beside(kind, scores[kind]).items()}
    n = next((score.n for score in scores.values() if score is not None), 0)
    return {**cells, "n": n}


def _prior(fit: BlockFit) -> dict[str, Any]:
    (mean_low, mean_high), (std_low, std_high) = fit.mean_ci, fit.std_ci
    return {
        "block": fit.block,
        "mean": fit.mean,
        "mean_low": mean_low,
        "mean_high": mean_high,
        "std": fit.std,
        "std_low": std_low,
        "std_high": std_high,
        "std_least": fit.std_low,
        "std_most": fit.std_high,
    }
