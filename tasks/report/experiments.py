"""The experiments of a study as the report shows them: each at its unit, its layer, or for the study."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tasks.experiments import EXPERIMENTS
from tasks.experiments.results import score_rows
from tasks.experiments.sealing import Sealed
from tasks.report.cells import Cell, Table, beside, scored
from tasks.report.experiment_facts import ExperimentFacts
from tasks.report.figures import Figure
from tasks.report.text import csv_uri, data_uri, number

_KINDS = {"png": "image/png", "svg": "image/svg+xml"}
Room = Callable[[int], bool]
"""Whether so many bytes fit on the page; if so they are taken."""


@dataclass(frozen=True)
class File:
    """A table to be downloaded: its name, and a data URI that holds it."""

    name: str
    uri: str


@dataclass(frozen=True)
class Drawing:
    """A figure with the table behind it, where there is one."""

    figure: Figure
    table: File | None


@dataclass(frozen=True)
class ExperimentPage:
    """One experiment as the page shows it.

    Args:
        title: its heading.
        of: the model that it is of, where no unit or layer around it says so.
        how: the sentence on how to read it.
        words: what was found.
        drawings, numbers, files: empty where the page has no room; then `cut` is true.
        key: of the sealed output; empty where it was not done.
        cut: whether something was left out for want of room.
    """

    title: str
    of: str
    how: str
    words: Sequence[str]
    drawings: Sequence[Drawing]
    numbers: Table | None
    files: Sequence[File]
    key: str
    cut: bool


def experiment_pages(experiments: Sequence[ExperimentFacts], room: Room) -> list[ExperimentPage]:
    """What the page shows of them; figures first, then numbers and tables, as far as there is room."""
    return [_page(facts, room) for facts in experiments]


def _page(facts: ExperimentFacts, room: Room) -> ExperimentPage:
    planned, found = facts.planned, facts.found
    title = EXPERIMENTS[planned.name].title
    of = planned.model.name if planned.model and planned.layer is None else ""
    if found is None:
        return ExperimentPage(title, of, "", (), (), None, (), "", cut=False)
    behind = {entry.table for entry in found.drawn if entry.table}
    files = {name: File(f"{name}.csv", csv_uri(found.table(name))) for name in found.tables}
    drawings = [
        Drawing(_figure(found, i), files[entry.table] if entry.table else None)
        for i, entry in enumerate(found.drawn)
    ]
    shown = [
        drawing
        for drawing in drawings
        if room(len(drawing.figure.uri) + (len(drawing.table.uri) if drawing.table else 0))
    ]
    more = [file for name, file in files.items() if name not in behind and room(len(file.uri))]
    numbers = number_table(title, found)
    if numbers is not None and not room(len(numbers.csv) + 120 * len(numbers.rows)):
        numbers = None
    cut = len(shown) < len(drawings) or len(more) < len(files) - len(behind)
    cut = cut or (numbers is None and bool(found.numbers))
    return ExperimentPage(
        title, of, found.words[0], found.words[1:], shown, numbers, more, found.output.key, cut
    )


def _figure(found: Sealed, i: int) -> Figure:
    entry = found.drawn[i]
    kind = _KINDS[entry.file.rpartition(".")[2].lower()]
    return Figure(data_uri(found.figure(entry.file), kind), entry.alt, entry.caption, entry.pixelated)


def number_table(title: str, found: Sealed) -> Table | None:
    """Every number with what it is held against; None where there are none."""
    table = score_rows(found)
    if table.empty:
        return None
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
    return Table(f"{title}: numbers", head, tuple(rows), csv=csv_uri(table))
