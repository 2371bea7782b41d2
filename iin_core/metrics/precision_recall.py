"""Improved precision and recall of samples: how many look real, how much of what is real they cover."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from iin_core.errors import InputError

NEIGHBOURS = 3
"""k of the published definition."""
_BLOCK = 128
_ROUNDING = 1e-12
"""Of a squared distance, as a share of the features' mean square."""


@dataclass(frozen=True)
class PrecisionRecall:
    """Shares in [0, 1].

    Args:
        precision: of the samples, those that lie in the manifold of what is real.
        recall: of what is real, the share that lies in the manifold of the samples.
    """

    precision: float
    recall: float


@dataclass(frozen=True)
class Manifold:
    """A union of balls around features, each of which reaches to its k-th nearest neighbour.

    Args:
        centres: (n, D) float64.
        reach: (n,), the squared radii.
    """

    centres: Tensor
    reach: Tensor


def manifold(features: ArrayLike | Tensor, k: int = NEIGHBOURS) -> Manifold:
    """The manifold of features (n, D).

    Args:
        features: (n, D).
        k: a ball reaches to its centre's k-th nearest other row.

    Raises:
        InputError: not rows, values that are not finite, or not more rows than k.
    """
    rows = torch.as_tensor(features).detach().cpu().double()
    if rows.ndim != 2 or not bool(rows.isfinite().all()):
        raise InputError(f"Features are finite rows (n, D); these have the shape {tuple(rows.shape)}.")
    if not 1 <= k < len(rows):
        raise InputError(
            f"{len(rows)} rows have no {k}-th nearest neighbour each.",
            where=f"k = {k}",
            fix=f"give more than {max(k, 1)} rows, or a k from 1 to {max(1, len(rows) - 1)}",
        )
    centred = rows - rows.mean(0)
    reach = []
    for start in range(0, len(rows), _BLOCK):
        apart = _squared(centred[start : start + _BLOCK], centred)
        own = torch.arange(len(apart))
        apart[own, start + own] = torch.inf
        reach.append(apart.topk(k, dim=1, largest=False).values[:, -1])
    return Manifold(rows, torch.cat(reach).clamp_min(0))


def precision_recall(
    real: ArrayLike | Tensor | Manifold, samples: ArrayLike | Tensor, k: int = NEIGHBOURS
) -> PrecisionRecall:
    """Precision and recall of samples (m, D) against what is real (n, D), by k-nearest-neighbour manifolds.

    Args:
        real: features, or their manifold where several samples are held against it.
        samples: features of as many rows: both shares move with the number of rows.
        k: see `manifold`.

    Raises:
        InputError: see `manifold`; features of different widths.

    Source: Kynkäänniemi et al., "Improved precision and recall metric for assessing generative models"
        (2019), equations 1 and 2.
    """
    known = real if isinstance(real, Manifold) else manifold(real, k)
    drawn = manifold(samples, k)
    if known.centres.shape[1] != drawn.centres.shape[1]:
        raise InputError(
            f"The features have {known.centres.shape[1]} and {drawn.centres.shape[1]} dimensions.",
            fix="take both from one layer of one network",
        )
    middle = known.centres.mean(0)
    centres, points = known.centres - middle, drawn.centres - middle
    slack = _ROUNDING * (centres.square().sum(1).mean() + points.square().sum(1).mean())
    covered = torch.zeros(len(centres), dtype=torch.bool)
    n_real_looking = 0
    for part, reach in zip(points.split(_BLOCK), (drawn.reach + slack).split(_BLOCK), strict=True):
        apart = _squared(part, centres)
        n_real_looking += int((apart <= known.reach + slack).any(1).sum())
        covered |= (apart <= reach[:, None]).any(0)
    return PrecisionRecall(n_real_looking / len(points), float(covered.double().mean()))


def _squared(a: Tensor, b: Tensor) -> Tensor:
    """Squared Euclidean distances (n, m); centred rows keep what cancels small."""
    return torch.addmm(b.square().sum(1), a, b.T, alpha=-2).add_(a.square().sum(1)[:, None])
