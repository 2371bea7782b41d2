"""Where an image is drawn on: the places whose statistics tell its manner."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_FAINT = 0.15
"""Share of the greatest departure from the background below which a place counts as background."""


def background(images: Tensor) -> Tensor:
    """The median of each image's border, per channel.

    Args:
        images: (n, channels, height, width).

    Returns:
        (n, channels, 1, 1).
    """
    border = (images[..., 0, :], images[..., -1, :], images[..., :, 0], images[..., :, -1])
    return torch.cat(border, -1).median(-1).values[..., None, None]


def drawn_on(images: Tensor, window: int) -> Tensor:
    """Which windows hold something that departs from the background; nearly all of a photograph.

    The share of an image that is drawn on is its content, not its manner: a one holds less ink than an
    eight. Statistics over these windows alone are free of it.

    Args:
        images: (n, channels, height, width).
        window: odd, pixels.

    Returns:
        (n, 1, height, width), bool.
    """
    departure = (images - background(images)).abs().amax(1, keepdim=True)
    widest = functional.max_pool2d(departure, window, stride=1, padding=window // 2)
    return (widest > _FAINT * departure.amax((2, 3), keepdim=True)) & (widest > 0)


def padded(images: Tensor, margin: int) -> Tensor:
    """The images with their borders continued by so many pixels."""
    return functional.pad(images, (margin, margin, margin, margin), mode="replicate")
