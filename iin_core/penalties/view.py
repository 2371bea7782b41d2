"""What a penalty sees of an update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from iin_core.sampling import Batch

_RAMP = 0.2
_VARIANCE_FLOOR = 1e-6


@dataclass(frozen=True)
class PenaltyView:
    """The rows of one update of K stacked IINs that penalties read, those of little noise.

    Attributes:
        z_tilde: (K, m, N).
        batch: of these m rows, with leading K; its rows count among all training rows.
        progress: the share of updates done, in [0, 1).
    """

    z_tilde: Tensor
    batch: Batch
    progress: float

    @property
    def ramp(self) -> float:
        """From 0 to 1 over the first fifth of the updates."""
        return min(1.0, self.progress / _RAMP)

    def standardised(self) -> Tensor:
        """z̃, (K, m, N), with mean 0 and deviation 1 over the rows."""
        standard: Tensor = _Standardised.apply(self.z_tilde)
        return standard


class _Standardised(torch.autograd.Function):
    """(x − mean) / √(variance + ε), in a third of the operators that autograd takes for its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x, 1, correction=0, keepdim=True)
        inverse = variance.add_(_VARIANCE_FLOOR).rsqrt_()
        y = (x - mean).mul_(inverse)
        ctx.save_for_backward(y, inverse)
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        y, inverse = ctx.saved_tensors
        along = (grad * y).mean(1, keepdim=True)
        free: Tensor = grad - grad.mean(1, keepdim=True)
        return free.addcmul_(y, along, value=-1).mul_(inverse)


def penalty_view(z_tilde: Tensor, batch: Batch, read: Tensor, progress: float) -> PenaltyView:
    """Take from an update the rows that penalties read.

    Args:
        z_tilde: (K, n, N).
        batch: with leading K; a link to a row that is not read is left out.
        read: their places, (m,), ascending.
        progress: the share of updates done.
    """
    n, m = z_tilde.shape[1], len(read)
    if m == n:
        return PenaltyView(z_tilde, batch, progress)
    place = torch.full((n,), -1, device=read.device)
    place[read] = itself = torch.arange(m, device=read.device)
    partner = place[batch.partner.index_select(1, read)]
    alone = partner < 0
    partner = torch.where(alone, itself[:, None], partner)
    rho = batch.rho.index_select(1, read).masked_fill(alone, 0)
    seen = Batch(batch.rows.index_select(1, read), partner, rho)
    return PenaltyView(z_tilde.index_select(1, read), seen, progress)
