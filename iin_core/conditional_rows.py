"""What the conditional flow reads of a layer z: standardised features, or the leading directions of many."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from iin_core.front.scale import fit_scale
from iin_core.row_reader import ArrayReader

_FLOOR = 0.01
"""Directions of less than this share of the largest variance are not blown up to its size."""


@dataclass(frozen=True)
class GivenMap:
    """c = ((z − centre) / scale, at most ±8) · turn, (n, N) to (n, C). Nothing has to be undone.

    Attributes:
        centre, scale: (N,), of each feature, robust.
        turn: (N, C), the leading principal directions, each in units of its deviation.
        explained: the share of the scaled variance in these directions.
    """

    centre: Tensor
    scale: Tensor
    turn: Tensor
    explained: float

    @property
    def n_features(self) -> int:
        """N."""
        return self.turn.shape[0]

    @property
    def n_dims(self) -> int:
        """C."""
        return self.turn.shape[1]

    def apply(self, z: Tensor) -> Tensor:
        """Map z, (n, N), to c, (n, C)."""
        return ((z - self.centre) / self.scale).clamp_(-8, 8) @ self.turn


def fit_given(z: Tensor, most: int) -> GivenMap:
    """Fit the map on training rows of a layer, (n, N); C is at most `most`, and at most the rank of z."""
    scale = fit_scale(ArrayReader(z.numpy()))
    rows = scale.apply(z.clone())
    mean = rows.mean(0)
    _, deviations, directions = torch.linalg.svd((rows - mean).double(), full_matrices=False)
    variance = deviations.square() / max(1, len(rows) - 1)
    kept = min(most, max(1, int((variance > 1e-7 * variance[0]).sum())))
    spread = variance[:kept].clamp_min(_FLOOR * float(variance[0])).sqrt()
    turn = directions[:kept].T / spread
    centre = scale.centre + mean * scale.scale
    explained = float(variance[:kept].sum() / variance.sum())
    return GivenMap(centre, scale.scale, turn.float(), explained)
