"""A pen stroke to be drawn as a sketch, and how thick the strokes of images are."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

_FINE = 4
"""Points a pixel, in each direction."""
_INK = 0.5
"""Share of an image's brightest value from which a point is ink."""


def drawn_stroke(width: float, *, size: int = 32, soft: float = 1.5) -> NDArray[np.float32]:
    """One curled stroke, bright on dark, as a person would draw it with a pen of some width.

    Args:
        width: of the stroke, in pixels.
        size: height and width of the image, in pixels.
        soft: pixels over which its edge fades.

    Returns:
        (size, size) in [0, 1].
    """
    turn = np.linspace(0, 1, 300)
    angle, radius = 2 * np.pi * 1.15 * turn, size * (0.3 - 0.08 * turn)
    path = np.stack((size / 2 + radius * np.cos(angle), size / 2 + radius * np.sin(angle)), 1)
    points = (np.indices((size * _FINE, size * _FINE)).reshape(2, -1).T + 0.5) / _FINE
    distance = np.full(len(points), np.inf)
    for place in path:
        distance = np.minimum(distance, ((points - place) ** 2).sum(1))
    ink = np.clip((width / 2 - np.sqrt(distance)) / soft + 0.5, 0, 1)
    fine = ink.reshape(size, _FINE, size, _FINE)
    image: NDArray[np.float32] = fine.mean((1, 3)).astype(np.float32)
    return image


def stroke_thickness(images: ArrayLike) -> NDArray[np.float64]:
    """How thick the strokes of each image are: twice the mean distance from their middle to their edge.

    Ink is what is brighter than half of the brightest point of the image, four times enlarged; the middle
    of a stroke is where the distance to the nearest point without ink is largest among its neighbours.

    Args:
        images: (n, channels, height, width); the brightest channel counts.

    Returns:
        (n,), in pixels; NaN for an image without ink.
    """
    from scipy.ndimage import distance_transform_edt, maximum_filter

    value = torch.as_tensor(np.asarray(images, np.float32)).amax(1, keepdim=True)
    found = np.full(len(value), np.nan)
    for i, image in enumerate(value):
        large = torch.nn.functional.interpolate(
            image[None], scale_factor=_FINE, mode="bicubic", align_corners=False
        )[0, 0].numpy()
        ink = np.pad(large > _INK * max(float(large.max()), 1e-6), 1)
        if ink.any():
            depth = distance_transform_edt(ink)
            middle = ink & (depth == maximum_filter(depth, 3))
            found[i] = 2 * depth[middle].mean() / _FINE
    return found
