"""The swap grid: one block of each donor put into each base, decoded (paper, figures 3 and 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numpy.typing import ArrayLike, NDArray

from iin_core.errors import InputError
from iin_core.figures.canvas import INK, QUIET, Destination, drawing, head, new_figure, save
from iin_core.figures.tiles import FIRST, TILE_INCHES, shown_images, tile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WHAT = "a swap grid"


def swap_grid(
    path: Destination, bases: ArrayLike, donors: ArrayLike, decoded: ArrayLike, *, title: str
) -> None:
    """Draw bases along the top, donors down the side, and each swap where the two meet.

    Args:
        path: ends in .png or .svg.
        bases: (n_bases, channels, height, width) in [0, 1], channels 1 or 3; values outside are clipped.
        donors: (n_donors, channels, height, width).
        decoded: (n_donors, n_bases, channels, height, width).
        title: drawn above the grid.

    Raises:
        InputError: shapes that do not belong together, or values that are not finite.

    Source: Esser et al., CVPR 2020, section 4.2 (analogies).
    """
    top, side = (shown_images(v, name, 4, _WHAT) for v, name in ((bases, "bases"), (donors, "donors")))
    grid = shown_images(decoded, "decoded", 5, _WHAT)
    if grid.shape[:2] != (len(side), len(top)) or {top.shape[1:], side.shape[1:]} != {grid.shape[2:]}:
        raise InputError(
            "The images of a swap grid do not belong together.",
            where=f"bases {top.shape}, donors {side.shape}, decoded {grid.shape} (channels last)",
            fix="give decoded (n_donors, n_bases, channels, height, width) with images of one size",
        )
    with drawing():
        ratio = top.shape[1] / top.shape[2]
        columns, rows = len(top) + 1 + FIRST, len(side) + 1 + FIRST
        width = max(columns * TILE_INCHES + 0.5, 3.6)
        figure = new_figure(width, rows * TILE_INCHES * ratio + 0.75)
        axes = figure.add_subplot()
        _place(axes, top, side, grid)
        axes.set_aspect(ratio)
        axes.set_xlim(-0.35, columns + 0.05)
        axes.set_ylim(rows + 0.05, -0.35)
        axes.axis("off")
        head(figure, title)
        save(figure, path)


def _place(axes: Axes, top: NDArray, side: NDArray, grid: NDArray) -> None:
    start = 1 + FIRST
    for j, image in enumerate(top):
        tile(axes, image, start + j, 0)
    for i, image in enumerate(side):
        tile(axes, image, 0, start + i)
        for j in range(len(top)):
            tile(axes, grid[i, j], start + j, start + i)
    axes.text(start + len(top) / 2, -0.08, "base →", ha="center", va="bottom", fontsize=8, color=QUIET)
    axes.text(
        -0.08, start + len(side) / 2, "← donor", ha="right", va="center", rotation=90, fontsize=8, color=QUIET
    )
    axes.plot([0, start + len(top)], [start - FIRST / 2] * 2, color=INK, lw=0.8)
    axes.plot([start - FIRST / 2] * 2, [0, start + len(side)], color=INK, lw=0.8)
