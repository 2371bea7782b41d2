"""The film strip: a given image and what becomes of it step by step, one line an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.errors import InputError
from iin_core.figures.canvas import (
    INK,
    QUIET,
    SERIES,
    Destination,
    drawing,
    head,
    name_text,
    new_figure,
    save,
)
from iin_core.figures.tiles import FIRST, MARGIN, TILE_INCHES, shown_images, tile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WHAT = "a film strip"
_NAME = 10
"""Characters of a name beside or above the tiles."""
_ABOVE = 0.55
"""Of a tile, for what stands above them."""


@dataclass(frozen=True)
class Heads:
    """What stands around a film strip.

    Args:
        steps: name of each column.
        rows: name of each line; empty for none.
        across: what the columns are, with its arrow.
        framed: (line, column) of tiles that get a frame.
    """

    steps: Sequence[object]
    rows: Sequence[object] = ()
    across: str = ""
    framed: Sequence[tuple[int, int]] = ()


def film_strip(path: Destination, given: ArrayLike, frames: ArrayLike, heads: Heads, *, title: str) -> None:
    """Draw each given image at the left and, beside it, its frames.

    Args:
        path: ends in .png or .svg.
        given: (n, channels, height, width) in [0, 1], channels 1 or 3; values outside are clipped.
        frames: (n, n_steps, channels, height, width).
        heads: what stands around.
        title: drawn above.

    Raises:
        InputError: shapes or names that do not belong together, or values that are not finite.
    """
    left, strip = shown_images(given, "given", 4, _WHAT), shown_images(frames, "frames", 5, _WHAT)
    named = (len(heads.steps), len(heads.rows) or len(strip))
    if strip.shape[0] != len(left) or strip.shape[2:] != left.shape[1:] or strip.shape[1::-1] != named:
        raise InputError(
            "The images of a film strip do not belong together.",
            where=f"given {left.shape}, frames {strip.shape} (channels last), "
            f"{len(heads.steps)} steps and {len(heads.rows)} lines named",
            fix="give frames (n, n_steps, channels, height, width) of one size, and a name for each step",
        )
    with drawing():
        ratio = left.shape[1] / left.shape[2]
        across, down = strip.shape[1] + 1 + FIRST, len(strip)
        margin = 0.15 + 0.13 * max((len(name_text(name, _NAME)) for name in heads.rows), default=0)
        width = max((across + margin) * TILE_INCHES + 0.3, 3.6)
        figure = new_figure(width, (down * ratio + _ABOVE) * TILE_INCHES + 0.4)
        axes = figure.add_subplot()
        _place(axes, left, strip, heads)
        axes.set_aspect(ratio)
        axes.set_xlim(-margin, across + 0.05)
        axes.set_ylim(down + 0.05, -_ABOVE / ratio)
        axes.axis("off")
        head(figure, title)
        save(figure, path)


def _place(axes: Axes, left: NDArray[np.float32], strip: NDArray[np.float32], heads: Heads) -> None:
    start = 1 + FIRST
    for i, image in enumerate(left):
        tile(axes, image, 0, i)
        for j, frame in enumerate(strip[i]):
            tile(axes, frame, start + j, i)
    for j, name in enumerate(heads.steps):
        text = name_text(name, _NAME)
        axes.text(start + j + 0.5, -0.02, text, ha="center", va="bottom", fontsize=7.5, color=INK)
    for i, name in enumerate(heads.rows):
        text = name_text(name, _NAME)
        axes.text(-0.06, i + 0.5, text, ha="right", va="center", fontsize=7.5, color=INK)
    axes.text(0.5, -0.02, "given", ha="center", va="bottom", fontsize=7.5, color=QUIET)
    middle = start + strip.shape[1] / 2
    axes.text(middle, -0.3, name_text(heads.across, 48), ha="center", va="bottom", fontsize=8, color=QUIET)
    axes.plot([start - FIRST / 2] * 2, [0, len(left)], color=INK, lw=0.8)
    for i, j in heads.framed:
        _frame(axes, start + j, i)


def _frame(axes: Axes, x: float, y: float) -> None:
    from matplotlib.patches import Rectangle

    side = 1 - MARGIN
    axes.add_patch(
        Rectangle((x + MARGIN / 2, y + MARGIN / 2), side, side, fill=False, edgecolor=SERIES[1], lw=1.6)
    )
