"""A critic that tells linked rows from others by the blocks that are not linked: no labels needed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from iin_core.blocks import RESIDUAL
from iin_core.jobs import Job
from iin_core.penalties.perceptrons import Perceptrons
from iin_core.penalties.reversal import reversed_gradient
from iin_core.penalties.view import PenaltyView

_HIDDEN, _EMBEDDING = 128, 32
_STREAM = 4 * 2**32
_IMPOSSIBLE = -1e9


def critic(jobs: Sequence[Job], weight: float, device: torch.device) -> Critic:
    """The critics of some jobs, one a concept."""
    return Critic(jobs, weight).to(device)


class Critic(nn.Module):
    """The flow hides from a critic which rows share a concept, in all blocks but that concept's.

    For each concept F two perceptrons embed the rows without the block of F; among all rows that
    others are linked to in F, the critic picks the partner of each linked row by the inner product.
    log m − CE, with m such rows, is a lower bound on the information that two linked rows share
    outside the block of F: exactly what leaks of F. The penalty is weight · ramp · mean of CE over
    the concepts, with the flow's gradient reversed.

    Args:
        jobs: their blocks.
        weight: in nats a row for each nat.

    Source: the bound of van den Oord et al., "Representation learning with contrastive predictive
        coding" (2018), on the pairs of the paper (section 3.2).
    """

    masks: Tensor

    def __init__(self, jobs: Sequence[Job], weight: float) -> None:
        super().__init__()
        self.weight = weight
        n_critics = max(1, *(len(job.blocks) - 1 for job in jobs))
        n_dims = jobs[0].n_dims
        self.register_buffer("masks", torch.zeros(len(jobs), n_critics, 1, n_dims))
        self.places: list[list[int]] = []
        for k, job in enumerate(jobs):
            names = list(job.blocks)
            concepts = [name for name in names if name != RESIDUAL]
            for p, name in enumerate(concepts):
                self.masks[k, p] = 1
                self.masks[k, p, 0, job.blocks[name]] = 0
            own = [names.index(name) for name in concepts]
            self.places.append(own + [names.index(RESIDUAL)] * (n_critics - len(own)))
        seeds = [_STREAM + job.seed for job in jobs]
        widths = (n_dims, _HIDDEN, _EMBEDDING)
        self.first = Perceptrons(widths, n_critics, seeds)
        self.second = Perceptrons(widths, n_critics, [seed + 2**32 for seed in seeds])

    def forward(self, view: PenaltyView) -> Tensor:
        """What it adds to each loss, (K,)."""
        x = reversed_gradient(view.standardised())[:, None] * self.masks
        logits = self.second(x) @ self.first(x).mT / _EMBEDDING**0.5
        losses, counts = [], []
        for k, places in enumerate(self.places):
            partner = view.batch.partner[k].mT[places]
            loss, count = _picking(logits[k], partner)
            losses.append(loss)
            counts.append(count)
        used = (torch.stack(counts) > 1).float() * self.masks.amax((2, 3))
        return self.weight * view.ramp * (torch.stack(losses) * used).sum(1) / used.sum(1).clamp_min(1)


def _picking(logits: Tensor, partner: Tensor) -> tuple[Tensor, Tensor]:
    """CE, (P,), of picking the partner, and the number of linked rows, (P,).

    Args:
        logits: (P, n, n).
        partner: (P, n), itself where a row is linked to none.
    """
    itself = torch.arange(partner.shape[1], device=partner.device)
    counts = (partner != itself).float()
    offered = torch.zeros_like(counts).scatter_reduce(1, partner, counts, "amax")
    possible = torch.where(offered > 0, 0.0, _IMPOSSIBLE)
    chosen = (logits + possible[:, None, :]).log_softmax(-1).gather(2, partner[..., None])[..., 0]
    return -(counts * chosen).sum(1) / counts.sum(1).clamp_min(1), counts.sum(1)
