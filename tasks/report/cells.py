"""What the tables of the report are made of: cells of text, ready for the template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from tasks.report.text import NONE, interval, name, share

SHORT = Markup(' <abbr class="short" title="short training budget">short</abbr>')
"""The mark of a unit that was trained on a short budget."""
METHODS = {"iin": "this IIN", "class_means": "class means", "lda": "LDA", "leace": "LEACE", "das": "DAS"}
READERS = {"reader": "the independent reader", "head": "the model's own head"}
PROBES = {"linear": "linear", "mlp": "MLP", "knn": "k-NN", "qda": "QDA", "forest": "forest", "rbf": "RBF-SVM"}


@dataclass(frozen=True)
class Cell:
    """A cell.

    Args:
        text: what stands in it.
        kind: class for the style: "name", "number", "none" or "best".
        title: more, shown when pointed at; never the only place where something is said.
        lines: rows that it spans; 0 where a cell above spans this row.
    """

    text: str | Markup
    kind: str = "number"
    title: str = ""
    lines: int = 1


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


def name_cell(value: object) -> Cell:
    """A cell with a name that a person gave."""
    return Cell(name(value), "name")


def beside(found: Mapping[str, Any], stem: str = "") -> str:
    """`[0.93, 0.97] · chance 0.10 · shuffled 0.11`, as far as there is any of it.

    Args:
        found: holds `low`, `high`, `chance`, `control` and `control_high`, each behind `stem`.
        stem: e.g. "joint_".
    """
    ends = interval(found.get(f"{stem}low"), found.get(f"{stem}high")).strip()
    levels = [("chance", found.get(f"{stem}chance")), ("shuffled", found.get(f"{stem}control"))]
    if share(levels[1][1]) == NONE:
        levels[1] = ("shuffled below", found.get(f"{stem}control_high"))
    said = [f"{words} {share(value)}" for words, value in levels if share(value) != NONE]
    return " · ".join([*([ends] if ends else []), *said])


def scored(value: str, held_against: str, kind: str = "number") -> Cell:
    """A number with its interval behind it and, in small print below, what else it is to be held against."""
    if value == NONE:
        return Cell(NONE, "none")
    if not held_against:
        return Cell(value, kind)
    text = Markup("{}").format(value)
    range_, _, below = held_against.partition(" · ") if held_against[0] == "[" else ("", "", held_against)
    if range_:
        text += Markup(' <small class="range">{}</small>').format(range_)
    if below:
        text += Markup(' <small class="beside">{}</small>').format(unbroken(below))
    return Cell(text, kind)


def unbroken(held_against: str) -> str:
    """The same, with line breaks only where one thing ends and the next begins."""
    return held_against.replace(" ", "\N{NO-BREAK SPACE}").replace(
        "\N{NO-BREAK SPACE}·\N{NO-BREAK SPACE}", " · "
    )
