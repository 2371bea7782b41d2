"""Linked rows outside of a training: the loss of some, and the scales at which they are likeliest."""

from __future__ import annotations

import torch
from torch import Tensor

from iin_core.blocks import Blocks
from iin_core.flow import NormalizingFlow
from iin_core.objective import linked_loss
from iin_core.sampling import PairSampler

_BATCHES, _BATCH, _SEED = 32, 256, 0x11EA
_FLOOR = 1e-6


@torch.no_grad()
def loss_of(flow: NormalizingFlow, x: Tensor, sampler: PairSampler, blocks: Blocks) -> float:
    """The loss of linked rows of x, (n, d), without noise, in nats a row and dimension."""
    rows, partner, rho = _drawn(sampler, blocks)
    z_tilde, log_det = flow(x[rows.flatten()][None])
    z_tilde, log_det = z_tilde.view(*rows.shape, -1), log_det.view(rows.shape)
    return float(linked_loss(z_tilde, log_det, partner, rho).mean()) / blocks.n_dims


def likeliest_scales(codes: Tensor, sampler: PairSampler, blocks: Blocks) -> Tensor:
    """Factors, (d,), by which centred codes, (n, d), become those of the likeliest linked rows."""
    rows, partner, rho = _drawn(sampler, blocks)
    drawn = codes[rows]
    squares = (drawn - rho * drawn.gather(-2, partner)).square() / (1 - rho.square())
    return squares.mean((0, 1)).clamp_min(_FLOOR).rsqrt()


def _drawn(sampler: PairSampler, blocks: Blocks) -> tuple[Tensor, Tensor, Tensor]:
    """Rows of some batches, (u, n), and for each dimension partner and correlation, (u, n, d)."""
    batch = sampler.draw(_BATCH, _BATCHES, torch.Generator().manual_seed(_SEED))
    of_dim = torch.tensor(blocks.index_of_dim).expand(_BATCHES, _BATCH, -1)
    return batch.rows, batch.partner.gather(-1, of_dim), batch.rho.gather(-1, of_dim)
