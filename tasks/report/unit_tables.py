"""The tables of one unit."""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup

from tasks.evaluation.keys import COMPANIONS_OF
from tasks.evaluation.reasons import ONLY_FULL
from tasks.report.cells import METHODS, PROBES, READERS, Cell, Table, beside, name_cell, scored
from tasks.report.embedded import csv_uri
from tasks.report.facts import ALL, LAYER, RESIDUAL, UnitFacts, records
from tasks.report.full_tables import full_tables
from tasks.report.score_words import SCORES
from tasks.report.text import NONE, interval, name, number, share

_KINDS = ("cause", "isolate", "joint")
_FACTOR_WORDS = {"mean": "mean of all", RESIDUAL: "the residual"}


def unit_tables(unit: UnitFacts) -> tuple[Table, ...]:
    """The tables that a unit shows at once, those without rows left out."""
    return tuple(table for table in (interchange_table(unit), block_table(unit)) if table.rows)


def detail_tables(unit: UnitFacts) -> tuple[Table, ...]:
    """The long tables that a unit shows on demand."""
    more = (*full_tables(unit), dependence_table(unit), per_dimension_table(unit))
    made = (leakage_table(unit), *more, score_table(unit))
    return tuple(table for table in made if table.rows)


def interchange_table(unit: UnitFacts) -> Table:
    """Reader × block × method: cause, isolate, joint."""
    table = unit.tables["interchange"]
    several = table["reader"].nunique() > 1
    rows = []
    for (reader, factor), found in table.groupby(["reader", "factor"], sort=False):
        best = found["joint"].max()
        for i, row in enumerate(records(found)):
            kind = "best" if len(found) > 1 and row["joint"] == best else "number"
            cells = (
                _swapped(str(factor), READERS[str(reader)] if several else "", row, 0 if i else len(found)),
                name_cell(METHODS.get(row["method"], row["method"])),
                *(scored(share(row[kind_]), beside(row, f"{kind_}_")) for kind_ in _KINDS[:2]),
                scored(share(row["joint"]), beside(row, "joint_"), kind),
            )
            rows.append(cells)
    head = ("swapped", "method", *_KINDS)
    who = "" if several or table.empty else f"Judged by {READERS[str(table['reader'].iloc[0])]}. "
    note = (
        f"{who}In brackets the 95 % interval over sources; below, chance and the same with the donors' "
        "labels shuffled. Bold: the best of a concept. Ceiling: the judge on examples that nobody edited. "
        "The residual tells no concept: after its exchange everything should stay as it was."
    )
    caption = "Interchange: this IIN beside linear baselines"
    if len(set(table["method"])) == 1:
        caption = "Interchange"
    return Table(caption, head, tuple(rows), note, csv_uri(table), _is_short(unit))


def _swapped(factor: str, reader: str, row: dict[str, Any], lines: int) -> Cell:
    """What is exchanged, once for all methods, with who judges where several do, and the judge's ceiling."""
    ceiling = share(row["ceiling"])
    held = f"ceiling {ceiling}{interval(row['ceiling_low'], row['ceiling_high'])}" if ceiling != NONE else ""
    said = " · ".join(part for part in (f"by {reader}" if reader else "", held) if part)
    text = Markup("{}").format(name(_FACTOR_WORDS.get(factor, factor)))
    if said:
        text += Markup(' <small class="under">{}</small>').format(said)
    return Cell(text, "name", lines=lines)


def leakage_table(unit: UnitFacts) -> Table:
    """Every cell of every leakage matrix with its interval."""
    table, methods = unit.tables["leakage"], {**METHODS, LAYER: "the layer itself"}
    rows = tuple(
        (
            name_cell(methods.get(row["method"], row["method"])),
            name_cell(PROBES.get(row["probe"], row["probe"])),
            name_cell("whole" if row["block"] == ALL else row["block"]),
            name_cell(row["concept"]),
            scored(share(row["accuracy"]), beside(row)),
            scored(share(row["v_information"]), beside(row, "v_information_")),
            Cell(str(int(row["n"])) if pd.notna(row["n"]) else NONE),
        )
        for row in records(table)
    )
    head = ("method", "probe", "block", "concept", "accuracy", "V", "rows")
    return Table("What every probe reads", head, rows, "", csv_uri(table), _is_short(unit))


def dependence_table(unit: UnitFacts) -> Table:
    """Every two blocks: distance correlation and HSIC; and the total correlation of all."""
    table = unit.tables["dependence"]
    words = {
        "distance_correlation": "distance correlation",
        "hsic": "HSIC",
        "total_correlation": "total correlation, nats",
    }
    rows = tuple(
        (
            Cell(words.get(row["measure"], row["measure"]), "name"),
            name_cell(row["block"]),
            name_cell(row["other"]),
            scored(number(row["value"], 3), _small(row)),
            Cell(NONE if pd.isna(row["p_value"]) else number(row["p_value"], 3)),
        )
        for row in records(table)
    )
    head = ("measure", "block", "and", "value", "p")
    note = (
        "Bias-corrected, so that independent blocks have 0 on average. Below each: its interval over sources "
        "and its mean over permuted sources; p: the share of permutations that reach it."
    )
    return Table("How blocks depend on one another", head, rows, note, csv_uri(table), _is_short(unit))


def per_dimension_table(unit: UnitFacts) -> Table:
    """The literature's metrics of single dimensions."""
    table = unit.tables["per_dimension"]
    rows = tuple(
        (
            Cell(Markup("<code>{}</code>").format(row["metric"]), "name"),
            scored(number(row["value"], 3), _small(row, "shuffled")),
            Cell(str(row["notes"]), "name"),
        )
        for row in records(table)
    )
    note = (
        "Per dimension, by the disentanglement library's definitions: they ask for one dimension a concept, "
        "so a perfect code of blocks scores low, and a turn inside a block moves them. For comparison with "
        "other work only, each beside the same with shuffled labels."
    )
    head = ("per-dimension metric", "value", "to know")
    return Table("Literature's per-dimension metrics", head, rows, note, csv_uri(table), _is_short(unit))


def score_table(unit: UnitFacts) -> Table:
    """Every score of a unit with its meaning, or why there is none."""
    rows, not_asked = [], 0
    for key in unit.scores:
        if key not in COMPANIONS_OF:
            continue
        value, why = unit.scores[key], unit.why.get(key, "")
        if why == ONLY_FULL:
            not_asked += 1
            continue
        words = SCORES.get(key)
        said = why if value is None else (words.meaning if words else "")
        shown = scored(number(value, 3), beside(unit.companions(key)))
        rows.append((Cell(Markup("<code>{}</code>").format(key), "name"), shown, Cell(said, "name")))
    every = [{"score": key, "value": value} for key, value in unit.scores.items()]
    csv = csv_uri(pd.DataFrame(every, columns=["score", "value"]))
    note = f"{not_asked} more scores are measured with `evaluation: full` only." if not_asked else ""
    head = ("score", "value", "what it is, or why there is none")
    return Table("All scores", head, tuple(rows), note, csv=csv, short=_is_short(unit))


def block_table(unit: UnitFacts) -> Table:
    """Blocks with their dimensions and how well each fits its prior."""
    prior = {row["block"]: row for row in records(unit.tables["prior"])}
    rows = []
    for block, n_dims in unit.dims.items():
        fit = prior.get(block, {})
        cells = (scored(share(fit.get(part)), beside(fit, f"{part}_")) for part in ("mean", "std"))
        first = Cell("residual", "name") if block == RESIDUAL else name_cell(block)
        rows.append((first, Cell(str(n_dims)), *cells))
    head = ("block", "dimensions", "held-out mean", "held-out deviation")
    note = f"A block that fits its prior has mean 0 and standard deviation 1.{_made_of(unit)}"
    return Table(
        "Blocks of the code", head, tuple(rows), note, csv_uri(unit.tables["prior"]), _is_short(unit)
    )


def _made_of(unit: UnitFacts) -> str:
    """Where the numbers of dimensions come from, and how much of the layer the flow sees."""
    estimator, scores = unit.dimensions.get("estimator"), unit.dimensions.get("scores", {})
    said = ""
    if estimator:
        told = ", ".join(f"{block} {number(value)}" for block, value in scores.items())
        said += " Dimensions are " + (
            "given by hand" if estimator == "given" else f"estimated by {estimator}"
        )
        said += f" (scores: {told})." if told else "."
    front = unit.dimensions.get("front", {})
    if front.get("remainder"):
        said += (
            f" The flow sees {100 * front['explained']:.1f} % of this layer's variance; the rest passes by "
            "it and is probed as block “remainder”."
        )
    return said


def _small(row: dict[str, Any], how: str = "permuted") -> str:
    ends = [number(row[end], 3) for end in ("low", "high")]
    said = [] if NONE in ends else [f"[{ends[0]}, {ends[1]}]"]
    return " · ".join([*said, *([] if pd.isna(row["control"]) else [f"{how} {number(row['control'], 3)}"])])


def _is_short(unit: UnitFacts) -> bool:
    return unit.unit.budget == "short"
