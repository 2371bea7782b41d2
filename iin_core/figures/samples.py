"""Samples of several generators side by side, and how far from the data each is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

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

_TILE_INCHES = 0.42
_EDGE = 0.06
"""Of a panel's width."""
_MEASURES = ("fid", "precision", "recall")


def sample_sheet(path: Destination, sets: Mapping[str, ArrayLike], *, title: str, columns: int = 8) -> None:
    """Draw a block of images for each method, side by side.

    Args:
        path: ends in .png or .svg.
        sets: method → (n, channels, height, width) in [0, 1], channels 1 or 3; values outside are clipped.
        title: drawn above.
        columns: images in one line of a block.

    Raises:
        InputError: no set, or one that holds no finite images.
    """
    if not sets:
        raise InputError("A sheet of samples needs at least one set of images.")
    blocks = {name: _sheet(values, name, columns) for name, values in sets.items()}
    with drawing():
        heights = [sheet.shape[0] / sheet.shape[1] for sheet in blocks.values()]
        n_across = min(3, len(blocks))
        n_down = -(-len(blocks) // n_across)
        width = columns * _TILE_INCHES * n_across + 0.4
        figure = new_figure(width, (columns * _TILE_INCHES * max(heights) + 0.3) * n_down + 0.35)
        grid = figure.subplots(n_down, n_across, squeeze=False)
        for axes in grid.flat:
            axes.axis("off")
        for axes, (name, sheet) in zip(grid.flat, blocks.items(), strict=False):
            axes.imshow(sheet, interpolation="nearest", vmin=0, vmax=1)
            axes.set_title(name_text(name), fontsize=8.5, color=INK)
        head(figure, title)
        save(figure, path)


def generator_chart(path: Destination, table: pd.DataFrame, *, title: str) -> None:
    """Draw FID, precision and recall of each method: its mean as a mark, its spread over seeds as a line.

    Args:
        path: ends in .png or .svg.
        table: columns method, fid, precision, recall, and for each of these its smallest and largest
            value over seeds, `fid_low`, `fid_high`, and so on.
        title: drawn above.

    Raises:
        InputError: a column is missing.
    """
    wanted = ("method", *(name + end for name in _MEASURES for end in ("", "_low", "_high")))
    require_columns(table, wanted, "generators")
    names = [name_text(name) for name in table["method"]]
    places = np.arange(len(names))[::-1]
    with drawing():
        figure = new_figure(8.2, 0.34 * len(names) + 1.25)
        for axes, measure, colour, marker in zip(
            figure.subplots(1, 3, sharey=True), _MEASURES, SERIES, MARKERS, strict=False
        ):
            values = table[measure].to_numpy(np.float64)
            low, high = (table[f"{measure}_{end}"].to_numpy(np.float64) for end in ("low", "high"))
            axes.hlines(places, low, high, color=colour, lw=2)
            axes.plot(values, places, marker, color=colour, ms=6, clip_on=False)
            axes.set_xlim(0, None if measure == "fid" else 1)
            for value, place in zip(values, places, strict=True):
                if np.isfinite(value):
                    axes.annotate(
                        f"{value:.3g}",
                        (value, place),
                        (0, 6),
                        textcoords="offset points",
                        ha=_side(value, axes.get_xlim()[1]),
                        fontsize=7.5,
                        color=QUIET,
                    )
            axes.set_title({"fid": "FID, less is better"}.get(measure, f"{measure}, more is better"))
            axes.grid(axis="x", color=GRID)
            axes.set_ylim(-0.6, len(names) - 0.2)
            axes.set_yticks(places, names)
        head(figure, title)
        save(figure, path)


def _side(value: float, highest: float) -> Literal["left", "center", "right"]:
    """How a number stands over its mark: at an edge it would lie over what is beside the panel."""
    share = value / highest if highest > 0 else 0.0
    return "left" if share < _EDGE else "right" if share > 1 - _EDGE else "center"


def _sheet(values: ArrayLike, name: str, columns: int) -> NDArray[np.float32]:
    """The images of one method as one picture (rows · height, columns · width, 3)."""
    images = np.asarray(values, dtype=np.float32)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or 0 in images.shape:
        raise InputError(
            f"The samples of {name!r} are not images.",
            where=f"shape {images.shape}",
            fix="give (n, channels, height, width) with 1 or 3 channels",
        )
    if not np.isfinite(images).all():
        raise InputError(
            f"The samples of {name!r} hold values that are not finite.",
            where=f"{int((~np.isfinite(images)).sum())} of {images.size} values",
            fix="look at what the decoder returned for them",
        )
    shown = np.repeat(images, 4 - images.shape[1], axis=1)[:, :3].clip(0, 1)
    short = -len(shown) % columns
    shown = np.concatenate([shown, np.ones((short, *shown.shape[1:]), np.float32)])
    tiles = shown.reshape(-1, columns, *shown.shape[1:]).transpose(0, 3, 1, 4, 2)
    sheet: NDArray[np.float32] = tiles.reshape(tiles.shape[0] * tiles.shape[1], -1, 3)
    return sheet
