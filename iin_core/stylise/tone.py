"""What of an image is drawing and what is colour: only the drawing is redrawn, the colours stay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

_SPREAD = 9
"""Pixels from which a colour is taken where an image has none of its own."""
_BORROWED = 0.05
"""Weight of these beside the pixel itself."""
LEVELS = 255


@dataclass(frozen=True)
class Drawings:
    """The drawings of images: their brightest channel over its greatest value.

    Images that differ in hue or brightness alone have one drawing, which is redrawn once.

    Attributes:
        distinct: (m, 1, height, width), uint8, no two alike.
        which: (n,), the drawing of each image.
        images: (n, channels, height, width), in [0, 1].
    """

    distinct: NDArray[np.uint8]
    which: NDArray[np.int64]
    images: Tensor

    def coloured(self, redrawn: NDArray[np.uint8], rows: NDArray[np.int64]) -> Tensor:
        """Some of the images with redrawn drawings, in their own hues and at their own brightness.

        Args:
            redrawn: (m, 1, height, width), each distinct drawing redrawn.
            rows: which images.

        Returns:
            (len(rows), channels, height, width), in [0, 1].
        """
        images = self.images[torch.from_numpy(rows)]
        value = images.amax(1, keepdim=True)
        drawing = torch.from_numpy(redrawn[self.which[rows]]).float() / LEVELS
        return drawing * value.amax((2, 3), keepdim=True) * _colour(images, value)


def drawings(images: Tensor) -> Drawings:
    """Take the drawings of images, (n, channels, height, width) in [0, 1]."""
    drawing = to_levels(tone(images))
    flat = drawing.reshape(len(drawing), -1)
    distinct, which = np.unique(flat, axis=0, return_inverse=True)
    return Drawings(distinct.reshape(-1, *drawing.shape[1:]), which.reshape(-1).astype(np.int64), images)


def tone(images: Tensor) -> Tensor:
    """The brightest channel of each pixel, over the greatest of its image: (n, 1, height, width)."""
    value = images.amax(1, keepdim=True)
    return value / value.amax((2, 3), keepdim=True).clamp_min(1e-6)


def to_levels(images: Tensor) -> NDArray[np.uint8]:
    """Images in [0, 1] as bytes."""
    levels = (images.clamp(0, 1) * LEVELS).round().to(torch.uint8).numpy()
    return np.asarray(levels, np.uint8)


def _colour(images: Tensor, value: Tensor) -> Tensor:
    """Each channel's share of the brightest one; where a pixel is black that of its surroundings."""

    def around(x: Tensor) -> Tensor:
        near = functional.avg_pool2d(x, _SPREAD, 1, _SPREAD // 2, count_include_pad=False)
        # Far from any ink the colour of the whole image.
        return _BORROWED * (near + _BORROWED * x.mean((2, 3), keepdim=True))

    weight = (value + around(value)).clamp_min(1e-6)
    return ((images + around(images)) / weight).clamp(0, 1)
