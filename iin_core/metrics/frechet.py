"""The Fréchet distance between two sets of features: FID where the features are those of images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from iin_core.errors import InputError


@dataclass(frozen=True)
class Moments:
    """What a Fréchet distance needs of a set of features.

    Args:
        mean: (D,) float64.
        covariance: (D, D) float64, of n − 1 degrees of freedom.
        n: rows that they were taken from; 0 where they are known exactly.
    """

    mean: Tensor
    covariance: Tensor
    n: int = 0


def feature_moments(features: ArrayLike | Tensor) -> Moments:
    """Mean and covariance of features (n, D), in float64.

    Raises:
        InputError: not rows, values that are not finite, or fewer rows than features, of which the
            covariance has no full rank and the distance no meaning.
    """
    rows = torch.as_tensor(features).detach().cpu().double()
    if rows.ndim != 2:
        raise InputError(f"Features have the shape (n, D), these have {tuple(rows.shape)}.")
    n, width = rows.shape
    if n < max(2, width):
        raise InputError(
            f"A Fréchet distance of {n} rows in {width} features has no meaning.",
            where=f"{n} rows, {width} features",
            fix=f"give at least {max(2, width)} rows, better ten times as many, or take features of "
            "fewer dimensions",
        )
    if not bool(rows.isfinite().all()):
        raise InputError(
            f"{int((~rows.isfinite().all(1)).sum())} of {n} rows of features are not finite.",
            fix="look at what the decoder and the feature network return for them",
        )
    mean = rows.mean(0)
    centred = rows - mean
    return Moments(mean, centred.T @ centred / (n - 1), n)


def frechet(a: Moments, b: Moments) -> float:
    """‖μ_a − μ_b‖² + tr(C_a + C_b − 2·(C_a C_b)^½), in squared units of the features; at least 0.

    The trace of the root is the sum of the singular values of C_a^½ C_b^½, which are the roots of the
    eigenvalues of the symmetric C_a^½ C_b C_a^½: no root is taken of what rounding left of a zero, so
    that covariances without full rank do no harm, and a and b may be exchanged.

    A distance of samples is too large, by about c/n: compare distances of equal n alone.

    Raises:
        InputError: features of different widths.

    Source: Dowson and Landau (1982); Heusel et al., "GANs trained by a two time-scale update rule" (2017).
    """
    if a.mean.shape != b.mean.shape:
        raise InputError(
            f"The features have {len(a.mean)} and {len(b.mean)} dimensions.",
            fix="take both from one layer of one network",
        )
    shift = (a.mean - b.mean).square().sum()
    overlap = torch.linalg.svdvals(_root(a.covariance) @ _root(b.covariance)).sum()
    distance = shift + a.covariance.trace() + b.covariance.trace() - 2 * overlap
    return max(0.0, float(distance))


def frechet_distance(a: ArrayLike | Tensor, b: ArrayLike | Tensor) -> float:
    """The Fréchet distance between features a (n, D) and b (m, D), each seen as a normal distribution.

    Raises:
        InputError: see `feature_moments` and `frechet`.
    """
    return frechet(feature_moments(a), feature_moments(b))


def _root(covariance: Tensor) -> Tensor:
    """The symmetric root of a covariance (D, D)."""
    values, vectors = torch.linalg.eigh(covariance)
    root: Tensor = vectors * values.clamp_min(0).sqrt() @ vectors.T
    return root
