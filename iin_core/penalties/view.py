"""What a penalty sees of an update."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from iin_core.sampling import Batch

_RAMP = 0.2


@dataclass(frozen=True)
class PenaltyView:
    """One update of K stacked IINs.

    Attributes:
        z_tilde: (K, n, N).
        batch: with leading K; its rows count among all training rows.
        clean: (n,), which rows have no noise.
        progress: the share of updates done, in [0, 1).
    """

    z_tilde: Tensor
    batch: Batch
    clean: Tensor
    progress: float

    @property
    def ramp(self) -> float:
        """From 0 to 1 over the first fifth of the updates."""
        return min(1.0, self.progress / _RAMP)

    @property
    def row_weights(self) -> Tensor:
        """(n,), 1 for rows without noise and 0 for others; all 1 where every row has noise."""
        clean = self.clean.float()
        return torch.where(self.clean.any(), clean, torch.ones_like(clean))

    def standardised(self) -> Tensor:
        """z̃, (K, n, N), with mean 0 and deviation 1 over the rows that count."""
        weights = self.row_weights[:, None] / self.row_weights.sum()
        mean = (weights * self.z_tilde).sum(1, keepdim=True)
        variance = (weights * (self.z_tilde - mean).square()).sum(1, keepdim=True)
        return (self.z_tilde - mean) / (variance + 1e-6).sqrt()
