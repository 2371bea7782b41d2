"""Dependence between blocks in Gaussian kernels, in closed form: neither labels nor critics."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

from iin_core.jobs import Job
from iin_core.penalties.view import PenaltyView

_SCALES = (0.25, 0.5, 1.0, 2.0)
"""Bandwidths, as shares of the mean squared distance."""


def hsic(jobs: Sequence[Job], weight: float, device: torch.device) -> Hsic:
    """The penalty of some jobs."""
    return Hsic(jobs, weight).to(device)


class Hsic(nn.Module):
    """weight · ramp · mean over pairs of blocks of the normalised HSIC of the rows.

    HSIC(x, y) = Σ K̃L̃ with K, L the mean of Gaussian kernels of four bandwidths, doubly centred,
    divided by √(Σ K̃² · Σ L̃²): 0 for independent blocks up to a bias of order 1/n, 1 where one
    determines the other's kernel.

    Args:
        jobs: their blocks.
        weight: in nats a row.

    Source: Gretton et al., "Measuring statistical dependence with Hilbert–Schmidt norms" (2005).
    """

    def __init__(self, jobs: Sequence[Job], weight: float) -> None:
        super().__init__()
        self.weight = weight
        self.places = [[place for _, place in job.blocks.items()] for job in jobs]

    def forward(self, view: PenaltyView) -> Tensor:
        """What it adds to each loss, (K,)."""
        values = []
        for z_tilde, places in zip(view.z_tilde, self.places, strict=True):
            kernels = [_centred(z_tilde[:, place]) for place in places]
            pairs = [_alike(a, b) for a, b in combinations(kernels, 2)]
            values.append(torch.stack(pairs).mean() if pairs else z_tilde.new_zeros(()))
        return self.weight * view.ramp * torch.stack(values)


def _centred(x: Tensor) -> Tensor:
    """The doubly centred kernel of rows, (m, m)."""
    squares = x.square().sum(1)
    distances = (squares[:, None] + squares - 2 * x @ x.T).clamp_min(0)
    mean = distances.detach().mean()
    kernel = torch.stack([torch.exp(-distances / (scale * mean)) for scale in _SCALES]).mean(0)
    rows = kernel.mean(1)
    return kernel - rows[:, None] - rows + rows.mean()


def _alike(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum() / (a.square().sum() * b.square().sum()).clamp_min(1e-12).sqrt()
