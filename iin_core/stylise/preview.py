"""What sketches make of images, to be looked at before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from iin_core.errors import InputError
from iin_core.figures.canvas import INK, QUIET, Destination, drawing, head, name_text, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TILE = 0.62
_SIDE = 1.1
"""Inches for the names at the left."""


def preview_grid(
    path: Destination,
    images: Tensor,
    sketches: Mapping[str, Tensor],
    redrawn: Mapping[str, Tensor],
    *,
    title: str,
) -> None:
    """Draw images along the top, and under each its version in the manner of each sketch, shown at the left.

    Args:
        path: ends in .png or .svg.
        images: (n, channels, height, width) in [0, 1].
        sketches: name → (channels, height, width).
        redrawn: name → as many images.
        title: drawn above.

    Raises:
        InputError: versions that are not of these images.
    """
    for name in sketches:
        if name not in redrawn or redrawn[name].shape != images.shape:
            raise InputError(f"The versions of {name!r} are not of these images.", where="redrawn")
    n = len(images)
    ratio = images.shape[2] / images.shape[3]
    with drawing():
        width, rows = _SIDE + (n + 1.3) * _TILE, 1 + len(sketches)
        figure = new_figure(max(width, 4.0), rows * _TILE * ratio + 0.5)
        axes = figure.add_subplot()
        lines = [("as they are", None, images), *((name, sketches[name], redrawn[name]) for name in sketches)]
        for row, (name, sketch, line) in enumerate(lines):
            top = row * ratio
            axes.text(-0.15, top + ratio / 2, name_text(name, 16), ha="right", va="center", color=INK)
            if sketch is not None:
                _place(axes, sketch, 0.0, top, ratio)
            for column, image in enumerate(line):
                _place(axes, image, 1.3 + column, top, ratio)
        axes.axvline(1.13, 0, (rows - 1) / rows, color=QUIET, linewidth=0.8)
        axes.set_xlim(-_SIDE / _TILE, n + 1.3)
        axes.set_ylim(rows * ratio, 0)
        axes.set_aspect("equal")
        axes.axis("off")
        head(figure, title)
        save(figure, path)


def _place(axes: Axes, image: Tensor, left: float, top: float, ratio: float) -> None:
    pixels = np.repeat(image.permute(1, 2, 0).numpy().clip(0, 1), 3 if image.shape[0] == 1 else 1, axis=2)
    axes.imshow(
        pixels,
        extent=(left + 0.03, left + 0.97, top + 0.97 * ratio, top + 0.03 * ratio),
        interpolation="nearest",
    )


def differences(images: Tensor, redrawn: Mapping[str, Tensor]) -> dict[tuple[str, str], float]:
    """How far apart each two versions are: mean absolute difference over the images' own mean value.

    Args:
        images: (n, channels, height, width), as they are.
        redrawn: name → as many.

    Returns:
        (name, name) → share; the images as they are are called `original`.
    """
    versions = {"original": images, **redrawn}
    scale = float(images.mean()) or 1.0
    return {
        (a, b): float((versions[a] - versions[b]).abs().mean()) / scale for a, b in combinations(versions, 2)
    }
