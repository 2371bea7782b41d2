"""The experiments of a study as the report shows them: each at its unit, its layer, or for the study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from markupsafe import Markup

from tasks.experiments import EXPERIMENTS
from tasks.experiments.found import Undrawn
from tasks.experiments.results import score_rows
from tasks.experiments.sealing import Sealed
from tasks.report.cells import Cell, Table, beside, scored
from tasks.report.embedded import csv_uri, file_uri
from tasks.report.experiment_facts import ExperimentFacts
from tasks.report.figures import Figure
from tasks.report.pieces import Pieces, Shelf, piece
from tasks.report.text import number


@dataclass(frozen=True)
class ExperimentPage:
    """One experiment as the page shows it.

    Args:
        title: its heading.
        of: the model that it is of, where no unit or layer around it says so.
        how: the sentence on how to read it.
        words: what was found.
        figures, tables: those that the page has room for, as they stand on it.
        key: of the sealed output; empty where it was not done.
        cut: whether something was left out for want of room.
        undrawn: figures that could not be drawn, with the reason.
    """

    title: str
    of: str
    how: str
    words: Sequence[str]
    figures: Sequence[Markup]
    tables: Sequence[Markup]
    key: str
    cut: bool
    undrawn: Sequence[Undrawn] = ()


def experiment_pages(experiments: Sequence[ExperimentFacts], shelf: Shelf) -> list[ExperimentPage]:
    """What the page shows of them; figures first, then numbers and tables, as far as there is room."""
    return [_page(facts, shelf) for facts in experiments]


def _page(facts: ExperimentFacts, shelf: Shelf) -> ExperimentPage:
    planned, found = facts.planned, facts.found
    title = EXPERIMENTS[planned.name].title
    of = planned.model.name if planned.model and planned.layer is None else ""
    if found is None:
        return ExperimentPage(title, of, "", (), (), (), "", cut=False)
    # Figures with the same table behind them say so; only the first holds it.
    first: dict[str | None, int] = {}
    for i, entry in enumerate(found.drawn):
        first.setdefault(entry.table, i)
    figures = Pieces().add(
        shelf, (partial(_drawn, found, i, first[entry.table] == i) for i, entry in enumerate(found.drawn))
    )
    tables = Pieces().add(shelf, [partial(_numbers, title, found)] if found.numbers else [])
    tables.add(shelf, (partial(_file, found, name) for name in found.tables if name not in first))
    cut = figures.cut or tables.cut
    how, *words = found.words
    key, undrawn = found.output.key, found.undrawn
    return ExperimentPage(title, of, how, words, figures.shown, tables.shown, key, cut, undrawn)


def _drawn(found: Sealed, i: int, holds_table: bool) -> Markup:
    entry = found.drawn[i]
    uri = file_uri(found.figure(entry.file), entry.file.rpartition(".")[2].lower())
    csv = csv_uri(found.table(entry.table)) if entry.table and holds_table else ""
    file = f"{entry.table}.csv" if entry.table else ""
    return piece("figure", Figure(uri, entry.alt, entry.caption, entry.pixelated, csv, file))


def _numbers(title: str, found: Sealed) -> Markup:
    return piece("folded_table", number_table(title, found))


def _file(found: Sealed, name: str) -> Markup:
    return piece("data_file", f"{name}.csv", csv_uri(found.table(name)))


def number_table(title: str, found: Sealed) -> Table:
    """Every number with what it is held against."""
    reasons = any(found.scores[key] is None for key in found.numbers)
    rows = []
    for key in found.numbers:
        cells = (
            Cell(Markup("<code>{}</code>").format(key), "name"),
            scored(number(found.scores[key], 3), beside(found.beside(key))),
        )
        why = found.why.get(key, "") if found.scores[key] is None else ""
        rows.append((*cells, Cell(why, "name")) if reasons else cells)
    head = ("score", "value", "why there is none") if reasons else ("score", "value")
    return Table(f"{title}: numbers", head, tuple(rows), csv=csv_uri(score_rows(found)))
