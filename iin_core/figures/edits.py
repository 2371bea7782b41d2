"""How well an edit of a concept is obeyed: over its strength, over the number asked for, class by class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from iin_core.errors import InputError
from iin_core.figures.canvas import (
    GRID,
    INK,
    MARKERS,
    QUIET,
    SERIES,
    Destination,
    drawing,
    head,
    name_text,
    new_figure,
    require_columns,
    save,
)
from iin_core.figures.matrices import readable_on, shades

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CURVES = ("panel", "line", "x", "value", "low", "high")
_CONFUSION = ("asked", "read", "share")
_CELL_TEXT = 12
"""With more classes than this the cells of a confusion matrix are shades alone."""


def edit_curves(path: Destination, table: pd.DataFrame, *, title: str, across: str) -> None:
    """Draw shares over the strength of an edit, a panel a value that was asked for, with intervals as bands.

    Args:
        path: ends in .png or .svg.
        table: columns panel, line, x, value, low, high; low and high may be missing (NaN).
        title: drawn above.
        across: what x is.

    Raises:
        InputError: a column is missing, or there are no rows.
    """
    panels = _checked(table, _CURVES, "a chart of edits", "panel")
    with drawing():
        columns = min(len(panels), 3)
        lines = -(-len(panels) // columns)
        figure = new_figure(max(2.6 * columns + 0.5, 4.6), 2.1 * lines + 0.9)
        grid = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
        for axes in grid.flat[len(panels) :]:
            axes.axis("off")
        for axes, panel in zip(grid.flat, panels, strict=False):
            _lines(axes, table[table["panel"] == panel])
            axes.set_title(name_text(panel, 30), fontsize=8.5)
            axes.axvline(1, color=QUIET, lw=0.8, ls=":")
            axes.set_ylim(-0.03, 1.03)
        for axes in grid[-1]:
            axes.set_xlabel(across, fontsize=8)
        handles, labels = grid.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=min(len(labels), 2), fontsize=7.5)
        head(figure, title)
        save(figure, path)


def value_curve(path: Destination, table: pd.DataFrame, *, title: str, across: str) -> None:
    """Draw the number that was read over the number that was asked for; obeyed edits lie on the dashed line.

    Args:
        path: ends in .png or .svg.
        table: columns line, x (asked for), value (read, on average), low, high.
        title: drawn above.
        across: the concept.

    Raises:
        InputError: a column is missing, or there are no rows.
    """
    _checked(table, _CURVES[1:], "a chart of numbers", "line")
    with drawing():
        figure = new_figure(4.6, 3.4)
        axes = figure.add_subplot()
        ends = [float(table["x"].min()), float(table["x"].max())]
        axes.plot(ends, ends, color=QUIET, lw=1, ls="--", label="as asked for")
        _lines(axes, table)
        axes.set_xlabel(f"{name_text(across)} asked for")
        axes.set_ylabel(f"{name_text(across)} read")
        axes.legend(loc="best", fontsize=7.5)
        head(figure, title)
        save(figure, path)


def confusion_matrix(path: Destination, table: pd.DataFrame, *, title: str) -> None:
    """Draw what was read (columns) of what was asked for (lines), as shares of a line.

    Args:
        path: ends in .png or .svg.
        table: one row for each pair of classes with columns asked, read, share.
        title: drawn above.

    Raises:
        InputError: a column is missing, or there are no rows.
    """
    asked = _checked(table, _CONFUSION, "a confusion matrix", "asked")
    read = list(dict.fromkeys(table["read"]))
    with drawing():
        size = 0.42 if len(read) <= _CELL_TEXT else 0.2
        figure = new_figure(max(size * len(read) + 1.5, 3.6), size * len(asked) + 1.2)
        axes = figure.add_subplot()
        for row in cast("list[dict[str, Any]]", table.to_dict("records")):
            place = read.index(row["read"]), asked.index(row["asked"])
            _cell(axes, place, float(row["share"]), str(row["read"]) == str(row["asked"]), len(read))
        axes.set_xlim(0, len(read))
        axes.set_ylim(len(asked), 0)
        axes.set_xticks(np.arange(len(read)) + 0.5, [name_text(name, 10) for name in read])
        axes.set_yticks(np.arange(len(asked)) + 0.5, [name_text(name, 10) for name in asked])
        if max(len(str(name)) for name in read) > 3:
            for label in axes.get_xticklabels():
                label.set(rotation=40, ha="left", rotation_mode="anchor")
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("read as")
        axes.set_ylabel("asked for")
        head(figure, title)
        save(figure, path)


def _lines(axes: Axes, table: pd.DataFrame) -> None:
    for k, line in enumerate(dict.fromkeys(table["line"])):
        rows = table[table["line"] == line].sort_values("x")
        colour, marker = SERIES[k % len(SERIES)], MARKERS[k % len(MARKERS)]
        low, high = (rows[end].to_numpy(np.float64) for end in ("low", "high"))
        axes.fill_between(rows["x"], low, high, color=colour, alpha=0.18, lw=0)
        axes.plot(rows["x"], rows["value"], marker=marker, ms=4, color=colour, label=name_text(line, 60))
    axes.grid(color=GRID)
    axes.set_axisbelow(True)


def _cell(axes: Axes, place: tuple[int, int], share: float, own: bool, n_classes: int) -> None:
    from matplotlib.patches import Rectangle

    x, y = place
    face = shades()(min(max(share, 0.0), 1.0))
    line = 1.6 if own else 0.0
    axes.add_patch(Rectangle((x + 0.04, y + 0.04), 0.92, 0.92, facecolor=face, edgecolor=INK, lw=line))
    if n_classes <= _CELL_TEXT and round(share, 2) > 0:
        axes.text(
            x + 0.5, y + 0.5, f"{share:.2f}", ha="center", va="center", fontsize=6.5, color=readable_on(face)
        )


def _checked(table: pd.DataFrame, columns: tuple[str, ...], what: str, by: str) -> list[Any]:
    """The different values of one column, in order."""
    require_columns(table, columns, what)
    found = list(dict.fromkeys(table[by]))
    if not found:
        raise InputError(f"There is nothing to draw in {what}.", fix="give a table with rows")
    return found
