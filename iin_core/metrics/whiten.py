"""Coordinates of a block that no invertible linear map of the block can change."""

from __future__ import annotations

import torch
from torch import Tensor

_SMALLEST = 1e-8
"""Directions with less than this share of the largest variance are rounding errors."""


def whiten(block: Tensor) -> Tensor:
    """Whitened rows of a block in canonical axes.

    Centred, scaled to unit covariance, then turned to the eigenvectors of E[‖y‖² y yᵀ] with the
    sign that makes each third moment positive. Whitening alone leaves a rotation open, and a probe
    from a random start depends on it; these axes turn with the data, so that a rotation, or any
    other invertible linear map, of the block leaves the result as it was (up to rounding).

    Args:
        block: (n, d).

    Returns:
        (n, d') float32; d' < d where the block has fewer than d directions with variance.

    Source: Cardoso, "Source separation using higher order moments" (1989) for the axes.
    """
    centred = block.double() - block.double().mean(0)
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(centred))
    kept = values > _SMALLEST * values[-1].clamp_min(torch.finfo(torch.float64).tiny)
    white = centred @ vectors[:, kept] / values[kept].sqrt()
    weighted = white * white.square().sum(1, keepdim=True)
    axes = torch.linalg.eigh(white.T @ weighted / len(white)).eigenvectors
    turned: Tensor = white @ axes
    sign = torch.where(turned.pow(3).sum(0) < 0, -1.0, 1.0)
    return (turned * sign).float()
