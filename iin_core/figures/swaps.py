"""The swap grid: one block of each donor put into each base, decoded (paper, figures 3 and 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.errors import InputError
from iin_core.figures.canvas import INK, QUIET, Destination, drawing, head, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TILE_INCHES = 0.62
_MARGIN = 0.06
_FIRST = 0.22
"""Room between the given images and the decoded ones, in tiles."""


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
    top, side, grid = _images(bases, "bases", 4), _images(donors, "donors", 4), _images(decoded, "decoded", 5)
    if grid.shape[:2] != (len(side), len(top)) or {top.shape[1:], side.shape[1:]} != {grid.shape[2:]}:
        raise InputError(
            "The images of a swap grid do not belong together.",
            where=f"bases {top.shape}, donors {side.shape}, decoded {grid.shape} (channels last)",
            fix="give decoded (n_donors, n_bases, channels, height, width) with images of one size",
        )
    with drawing():
        ratio = top.shape[1] / top.shape[2]
        columns, rows = len(top) + 1 + _FIRST, len(side) + 1 + _FIRST
        width = max(columns * _TILE_INCHES + 0.5, 3.6)
        figure = new_figure(width, rows * _TILE_INCHES * ratio + 0.75)
        axes = figure.add_subplot()
        _place(axes, top, side, grid)
        axes.set_aspect(ratio)
        axes.set_xlim(-0.35, columns + 0.05)
        axes.set_ylim(rows + 0.05, -0.35)
        axes.axis("off")
        head(figure, title)
        save(figure, path)


def _place(axes: Axes, top: NDArray, side: NDArray, grid: NDArray) -> None:
    start = 1 + _FIRST
    for j, image in enumerate(top):
        _tile(axes, image, start + j, 0)
    for i, image in enumerate(side):
        _tile(axes, image, 0, start + i)
        for j in range(len(top)):
            _tile(axes, grid[i, j], start + j, start + i)
    axes.text(start + len(top) / 2, -0.08, "base →", ha="center", va="bottom", fontsize=8, color=QUIET)
    axes.text(
        -0.08, start + len(side) / 2, "← donor", ha="right", va="center", rotation=90, fontsize=8, color=QUIET
    )
    axes.plot([0, start + len(top)], [start - _FIRST / 2] * 2, color=INK, lw=0.8)
    axes.plot([start - _FIRST / 2] * 2, [0, start + len(side)], color=INK, lw=0.8)


def _tile(axes: Axes, image: NDArray, x: float, y: float) -> None:
    place = (x + _MARGIN, x + 1 - _MARGIN, y + 1 - _MARGIN, y + _MARGIN)
    axes.imshow(image, extent=place, interpolation="nearest", aspect="auto", vmin=0, vmax=1)


def _images(values: ArrayLike, name: str, n_axes: int) -> NDArray[np.float32]:
    """The images as (..., height, width, 3) in [0, 1]."""
    images = np.asarray(values, dtype=np.float32)
    if images.ndim != n_axes or images.shape[-3] not in (1, 3) or 0 in images.shape:
        raise InputError(
            f"The {name} of a swap grid are not images.",
            where=f"{name} of shape {images.shape}",
            fix=f"give {n_axes} axes, of which the third last has 1 or 3 channels",
        )
    if not np.isfinite(images).all():
        raise InputError(
            f"The {name} of a swap grid hold values that are not finite.",
            where=f"{int((~np.isfinite(images)).sum())} of {images.size} values",
            fix="look at what the decoder returned for these rows",
        )
    shown = np.moveaxis(np.clip(images, 0, 1), -3, -1)
    return np.repeat(shown, 3, axis=-1) if shown.shape[-1] == 1 else shown
