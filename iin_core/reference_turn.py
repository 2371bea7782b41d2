"""The simplest flow with blocks: a turn of the front's coordinates, and a scale for each.

What was trained has to predict held-out linked rows better than this.
"""

from __future__ import annotations

import torch
from torch import Tensor

from iin_core.blocks import RESIDUAL
from iin_core.dimensions import drawn_pairs
from iin_core.dimensions.directions import correlations, shared_directions
from iin_core.flow import NormalizingFlow
from iin_core.jobs import Job
from iin_core.linked_rows import likeliest_scales
from iin_core.sampling import PairSampler
from iin_core.transforms import ActNorm, Rotation

_DEVIATIONS = 3.0


@torch.no_grad()
def reference_turn(x: Tensor, sampler: PairSampler, check: PairSampler, job: Job) -> NormalizingFlow:
    """Lay what the pairs of each concept share into its block, and give each dimension its likeliest scale.

    A block is filled up with directions of little variance in z, the residual gets the others.

    Args:
        x: training rows behind a front, (n, d).
        sampler: draws linked rows of them.
        check: draws linked validation rows: directions that they share as well are taken.
        job: blocks, noise and validation rows.
    """
    own = _shared(x, sampler, check, job)
    used = torch.cat([torch.zeros(job.n_dims, 0, dtype=torch.float64), *own.values()], 1)
    unit = torch.eye(job.n_dims, dtype=torch.float64)
    free, noise = unit - used @ used.T, job.noise.double()
    # Noise of the features counts most where z varies least; the added unit keeps the null space apart.
    rest = torch.linalg.eigh(free @ (noise @ noise.T + unit) @ free).eigenvectors[:, used.shape[1] :]
    parts, at = [], 0
    for name, dim in job.blocks.dims.items():
        first = own.get(name, used[:, :0])
        stop = at + dim - first.shape[1]
        parts += [first, rest[:, at:stop]]
        at = stop
    basis, scale = torch.cat(parts, 1).float(), ActNorm(job.n_dims)
    scale.scale.copy_(likeliest_scales(x @ basis, sampler, job.blocks))
    return NormalizingFlow([Rotation(basis[None]), scale])


def _shared(x: Tensor, sampler: PairSampler, check: PairSampler, job: Job) -> dict[str, Tensor]:
    """For each concept the leading directions that validation pairs share too, (d, k), all orthonormal."""
    pairs, held_out = drawn_pairs(sampler), drawn_pairs(check)
    by_chance = _DEVIATIONS / len(job.x_validation) ** 0.5
    used, own = torch.zeros(job.n_dims, 0, dtype=torch.float64), {}
    for name, dim in job.blocks.dims.items():
        if name == RESIDUAL or name not in held_out:
            continue
        _, directions = shared_directions(x, pairs[name])
        shared = correlations(job.x_validation, held_out[name], directions)
        n_own = min(dim, int((shared > by_chance).long().cumprod(0).sum()), job.n_dims - used.shape[1])
        chosen = directions[:, :n_own].double()
        own[name] = torch.linalg.qr(chosen - used @ (used.T @ chosen)).Q
        used = torch.cat((used, own[name]), 1)
    return own
