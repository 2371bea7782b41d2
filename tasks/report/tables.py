"""The tables of the report: cells of text, ready for the template."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from tasks.report.facts import ALL, IIN, LAYER, RESIDUAL, StudyFacts, UnitFacts, records
from tasks.report.score_words import SCORES
from tasks.report.text import NONE, csv_uri, interval, name, number, share

SHORT = Markup(' <abbr class="short" title="short training budget">short</abbr>')
"""The mark of a unit that was trained on a short budget."""
METHODS = {IIN: "this IIN", "class_means": "class means", "lda": "LDA"}
_HEADLINE = ("joint_reader", "joint_head", "leak_worst", "mig", "nll_per_dim", "invertibility_error")


@dataclass(frozen=True)
class Cell:
    """A cell.

    Args:
        text: what stands in it.
        kind: class for the style: "name", "number", "none" or "best".
        title: more, shown when pointed at; never the only place where something is said.
    """

    text: str | Markup
    kind: str = "number"
    title: str = ""


@dataclass(frozen=True)
class Table:
    """A table.

    Args:
        caption: what it shows.
        head: column titles.
        rows: cells.
        note: a sentence below it.
        csv: a data URI with the same or more numbers; empty if there is none.
        short: whether it is of a unit that was trained on a short budget.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    csv: str = ""
    short: bool = False


def headline_table(facts: StudyFacts) -> Table:
    """Layer × concept set × seed: the headline scores, the headline units first."""
    units = sorted(facts.units, key=lambda unit: not unit.unit.headline)
    head = ("layer", "concepts", "seed", "budget", *(SCORES[f"score/{key}"].label for key in _HEADLINE))
    rows = tuple((*_which(unit), *(_score(unit, f"score/{key}") for key in _HEADLINE)) for unit in units)
    every = [_record(unit) for unit in facts.units]
    note = (
        "In brackets after a leak: the chance level of the concept that leaks. A dash: not applicable or not "
        "there; each unit's section says why. Units of a short training budget are comparable with one "
        "another only."
    )
    return Table("Headline scores of every unit", head, rows, note, csv_uri(pd.DataFrame(every)))


def readable_table(facts: StudyFacts) -> Table:
    """Layer × concept: the numbers behind the chart."""
    table = facts.readable
    concepts = list(dict.fromkeys(table["concept"]))
    rows = []
    for (model, layer, _), found in table.groupby(["model", "layer", "index"], sort=False):
        cells = {row["concept"]: _accuracy(row) for row in records(found)}
        rows.append((_name(model), _name(layer), *(cells.get(c, Cell(NONE, "none")) for c in concepts)))
    chance = table.groupby("concept", sort=False)["chance"].first()
    head = ("model", "layer", *(f"{concept} (chance {chance[concept]:.2f})" for concept in concepts))
    caption = "Accuracy of a probe on the whole layer, with its 95 % interval"
    return Table(caption, head, tuple(rows), csv=csv_uri(table))


def interchange_table(unit: UnitFacts) -> Table:
    """Reader × factor × method: cause, isolate, joint."""
    table = unit.tables["interchange"]
    rows = []
    groups = table.groupby(["reader", "factor"], sort=False)
    for (reader, factor), found in groups:
        best = found["joint"].max()
        for row in records(found):
            kind = "best" if len(found) > 1 and row["joint"] == best else "number"
            rows.append(
                (
                    _name(reader),
                    _name("mean of all" if factor == "mean" else factor),
                    _name(METHODS.get(row["method"], row["method"])),
                    *(Cell(share(row[column])) for column in ("cause", "isolate")),
                    Cell(share(row["joint"]), kind),
                    Cell(interval(row["low"], row["high"]).strip() or NONE),
                    *(Cell(share(row[column])) for column in ("chance", "ceiling")),
                )
            )
    head = ("reader", "swapped", "method", "cause", "isolate", "joint", "95 % interval", "chance", "ceiling")
    note = "The interval and chance are those of joint, or of what there is instead."
    return Table(
        "Interchange: this IIN beside linear baselines",
        head,
        tuple(rows),
        note,
        csv_uri(table),
        _is_short(unit),
    )


def leakage_table(unit: UnitFacts) -> Table:
    """Every cell of every leakage matrix with its interval."""
    table = unit.tables["leakage"]
    rows = tuple(
        (
            _name(
                "the layer itself" if row["method"] == LAYER else METHODS.get(row["method"], row["method"])
            ),
            _name(row["probe"]),
            _name("whole" if row["block"] == ALL else row["block"]),
            _name(row["concept"]),
            Cell(share(row["accuracy"])),
            Cell(interval(row["low"], row["high"]).strip() or NONE),
            *(Cell(share(row[column])) for column in ("chance", "control", "v_information")),
        )
        for row in records(table)
    )
    head = ("method", "probe", "block", "concept", "accuracy", "95 % interval", "chance", "shuffled", "V")
    return Table("What every probe reads", head, rows, "", csv_uri(table), _is_short(unit))


def score_table(unit: UnitFacts) -> Table:
    """Every score of a unit with its meaning, or why there is none."""
    rows = []
    for key, value in unit.scores.items():
        words = SCORES.get(key)
        said = unit.why.get(key, "") if value is None else (words.meaning if words else "")
        shown = Cell(number(value, 3), "number" if value is not None else "none")
        rows.append((Cell(Markup("<code>{}</code>").format(key), "name"), shown, Cell(said, "name")))
    every = [{"score": key, "value": value} for key, value in unit.scores.items()]
    csv = csv_uri(pd.DataFrame(every, columns=["score", "value"]))
    head = ("score", "value", "what it is, or why there is none")
    return Table("All scores", head, tuple(rows), csv=csv, short=_is_short(unit))


def block_table(unit: UnitFacts) -> Table:
    """Blocks with their dimensions and how well each fits its prior."""
    prior = {row["block"]: row for row in records(unit.tables["prior"])}
    rows = []
    for block, n_dims in unit.dims.items():
        fit = prior.get(block, {})
        name_cell = Cell("residual", "name") if block == RESIDUAL else _name(block)
        rows.append((name_cell, Cell(str(n_dims)), Cell(share(fit.get("mean"))), Cell(share(fit.get("std")))))
    head = ("block", "dimensions", "held-out mean", "held-out deviation")
    note = "A block that fits its prior has mean 0 and standard deviation 1."
    return Table(
        "Blocks of the code", head, tuple(rows), note, csv_uri(unit.tables["prior"]), _is_short(unit)
    )


def unit_tables(unit: UnitFacts) -> tuple[Table, ...]:
    """The tables that a unit shows at once, those without rows left out."""
    return tuple(table for table in (interchange_table(unit), block_table(unit)) if table.rows)


def detail_tables(unit: UnitFacts) -> tuple[Table, ...]:
    """The long tables that a unit shows on demand."""
    return tuple(table for table in (leakage_table(unit), score_table(unit)) if table.rows)


def _which(unit: UnitFacts) -> Iterator[Cell]:
    layer = unit.unit.layer
    anchor = Markup('<a href="#layer-{:02d}">{:02d}&nbsp;{}</a>').format(
        layer.index, layer.index, name(layer.layer)
    )
    yield Cell(anchor, "name", layer.model)
    yield _name(unit.unit.concepts)
    yield Cell(str(unit.unit.seed))
    yield Cell(SHORT if _is_short(unit) else unit.unit.budget, "name")


def _score(unit: UnitFacts, key: str) -> Cell:
    value = unit.scores.get(key)
    if value is None:
        reason = unit.why.get(key, "not evaluated" if unit.evaluated is None else "not applicable")
        return Cell(NONE, "none", reason)
    text = number(value) if "error" in key else share(value)
    if key == "score/leak_worst":
        text += f" ({share(unit.scores.get('score/leak_chance'))})"
    return Cell(text)


def _record(unit: UnitFacts) -> dict[str, Any]:
    layer = unit.unit.layer
    where = {"model": layer.model, "layer": layer.layer, "index": layer.index, "concepts": unit.unit.concepts}
    which = {**where, "seed": unit.unit.seed, "budget": unit.unit.budget, "status": unit.status}
    return {**which, **unit.scores}


def _accuracy(row: dict[str, Any]) -> Cell:
    return Cell(share(row["accuracy"]) + interval(row["low"], row["high"]))


def _name(value: object) -> Cell:
    return Cell(name(value), "name")


def _is_short(unit: UnitFacts) -> bool:
    return unit.unit.budget == "short"


def shown_values(values: Sequence[object], limit: int = 12) -> Markup:
    """The first values of a label, and how many more there are."""
    more = f" and {len(values) - limit} more" if len(values) > limit else ""
    return Markup("{}{}").format(Markup(", ").join(name(value) for value in values[:limit]), more)
