"""The leakage matrix: what a probe reads of each concept in each block, as an annotated heat map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from iin_core.errors import InputError
from iin_core.figures.canvas import (
    INK,
    QUIET,
    Destination,
    drawing,
    head,
    name_text,
    new_figure,
    require_columns,
    save,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

_ALL = "all"
_BINNED = " (quintile)"
_COLUMNS = ("block", "concept", "accuracy", "chance")


def leakage_matrix(path: Destination, table: pd.DataFrame, *, title: str) -> None:
    """Draw accuracies of blocks × concepts; the shade is the excess over the concept's chance.

    A concept's own block has a frame: dark is wanted inside frames, pale everywhere else. The row
    ``all`` (the whole code, the ceiling) stands apart at the bottom.

    Args:
        path: ends in .png or .svg.
        table: one row for each block and concept with columns block, concept, accuracy, chance and,
            where there is one, control (the same probe with shuffled labels).
        title: drawn above.

    Raises:
        InputError: columns missing, no rows, or several rows for a cell.

    The matrix is this project's; see `iin_core.metrics.leakage`.
    """
    require_columns(table, _COLUMNS, "a leakage matrix")
    twice = table.duplicated(["block", "concept"])
    if table.empty or bool(twice.any()):
        raise InputError(
            "A leakage matrix needs exactly one row for each block and concept.",
            where=f"{len(table)} rows, {int(twice.sum())} of them for a cell that another row is for",
            fix="select one method and one probe",
        )
    concepts = list(dict.fromkeys(table["concept"]))
    blocks = [b for b in dict.fromkeys(table["block"]) if b != _ALL]
    blocks += [_ALL] if _ALL in set(table["block"]) else []
    with drawing():
        width, height = 1.7 + 1.4 * len(concepts), 0.95 + 0.62 * len(blocks)
        figure = new_figure(max(width, 3.6), height)
        axes = figure.add_subplot()
        tops = [i + (0.18 if block == _ALL and i else 0.0) for i, block in enumerate(blocks)]
        for row in cast("list[dict[str, Any]]", table.to_dict("records")):
            x, y = concepts.index(row["concept"]), tops[blocks.index(row["block"])]
            _cell(axes, x, y, row)
        _label(axes, blocks, tops, concepts, table)
        head(figure, title)
        save(figure, path)


def _cell(axes: Axes, x: int, y: float, row: dict[str, Any]) -> None:
    from matplotlib.patches import Rectangle

    accuracy = row["accuracy"]
    own = str(row["concept"]).removesuffix(_BINNED) == row["block"]
    excess = 0.0 if pd.isna(accuracy) else float(np.clip(accuracy - row["chance"], 0, 1))
    face = shades()(excess)
    axes.add_patch(Rectangle((x + 0.03, y + 0.04), 0.94, 0.92, facecolor=face, edgecolor="none"))
    if own:
        # White between frame and face: the frame shows on dark cells too.
        for inset, colour, line in ((0.035, INK, 2.0), (0.058, "white", 1.6)):
            place = Rectangle((x + inset, y + 1.4 * inset), 1 - 2 * inset, 1 - 2.8 * inset)
            place.set(facecolor="none", edgecolor=colour, linewidth=line)
            axes.add_patch(place)
    ink = readable_on(face)
    if pd.isna(accuracy):
        axes.text(x + 0.5, y + 0.5, "n/a", ha="center", va="center", color=QUIET)
        return
    control = row.get("control")
    has_control = control is not None and not pd.isna(control)
    axes.text(
        x + 0.5,
        y + (0.4 if has_control else 0.5),
        f"{accuracy:.2f}",
        ha="center",
        va="center",
        color=ink,
        fontsize=11,
    )
    if has_control:
        axes.text(
            x + 0.5, y + 0.74, f"shuffled {control:.2f}", ha="center", va="center", color=ink, fontsize=6.5
        )


def _label(
    axes: Axes, blocks: list[str], tops: list[float], concepts: list[str], table: pd.DataFrame
) -> None:
    chance = table.groupby("concept", sort=False)["chance"].first()
    axes.set_xlim(0, len(concepts))
    axes.set_ylim(tops[-1] + 1, 0)
    axes.set_xticks(
        [i + 0.5 for i in range(len(concepts))],
        [f"{name_text(name, 22)}\nchance {chance[name]:.2f}" for name in concepts],
    )
    names = ["whole code" if block == _ALL else name_text(block, 20) for block in blocks]
    axes.set_yticks([top + 0.5 for top in tops], names)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def shades() -> Colormap:
    """From pale at 0 to dark at 1."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("iin", ["#f1f4f7", "#a9cbe4", "#2a6ca8", "#08306b"])


def readable_on(face: tuple[float, float, float, float]) -> str:
    """Black or white, whichever has more contrast (WCAG): at least 4.5 : 1 on any colour."""
    parts = np.array(face[:3])
    linear = np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ [0.2126, 0.7152, 0.0722])
    return "black" if (luminance + 0.05) / 0.05 >= 1.05 / (luminance + 0.05) else "white"
