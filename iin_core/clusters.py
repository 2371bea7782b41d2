"""Cells of a block whose concept has neither labels nor values: clusters of its codes."""

from __future__ import annotations

import torch
from torch import Tensor

_MOST_ROWS = 10_000
_ROUNDS = 30


def clusters(x: Tensor, n_clusters: int) -> Tensor:
    """The cluster of each row, (n,), by k-means.

    It starts from rows drawn far apart and depends on nothing but the rows.

    Args:
        x: (n, w).
        n_clusters: at most; rows that are alike make fewer.

    Source: Arthur and Vassilvitskii, "k-means++" (2007) for the start; Lloyd's rounds.
    """
    few = x[:: -(-len(x) // _MOST_ROWS)]
    centres = _start(few, n_clusters)
    for _ in range(_ROUNDS):
        nearest = torch.cdist(few, centres).argmin(1)
        counts = torch.bincount(nearest, minlength=len(centres))
        sums = torch.zeros_like(centres).index_add_(0, nearest, few)
        moved = torch.where(counts[:, None] > 0, sums / counts.clamp_min(1)[:, None], centres)
        if torch.equal(moved, centres):
            break
        centres = moved
    return torch.cdist(x, centres).argmin(1)


def _start(x: Tensor, n_clusters: int) -> Tensor:
    """Rows drawn with a chance that grows with the squared distance to those drawn before."""
    generator = torch.Generator().manual_seed(0)
    chosen = [x[torch.randint(len(x), (1,), generator=generator)]]
    distances = (x - chosen[0]).square().sum(1)
    while len(chosen) < n_clusters and bool(distances.max() > 0):
        chosen.append(x[torch.multinomial(distances, 1, generator=generator)])
        distances = torch.minimum(distances, (x - chosen[-1]).square().sum(1))
    return torch.cat(chosen)
