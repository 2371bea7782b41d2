"""Small random movements of images, so that a network learns the digit and not its pixels."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

ANGLE = 7.0
"""Largest turn and shear, in degrees."""
ZOOM = 0.1
SHIFT = 0.08
"""Largest shift, as a share of half the image."""


def random_movements(n: int) -> Tensor:
    """Draw n affine maps (n, 2, 3): turn, shear, zoom and shift, uniform around none.

    The numbers come from torch's global generator.
    """
    turn, shear, zoom, right, down = (2 * torch.rand(n, 5) - 1).unbind(1)
    turn, shear = turn * math.radians(ANGLE), shear * math.radians(ANGLE)
    zoom = 1 + zoom * ZOOM
    first = torch.stack([turn.cos() * zoom, shear - turn.sin() * zoom, right * SHIFT], dim=1)
    second = torch.stack([turn.sin() * zoom, turn.cos() * zoom, down * SHIFT], dim=1)
    return torch.stack([first, second], dim=1)


def moved(images: Tensor, movements: Tensor) -> Tensor:
    """Images (n, channels, height, width) after their affine maps (n, 2, 3); black comes in at the edge."""
    grid = functional.affine_grid(movements, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)
