"""How far from independent the blocks are, as far as covariances tell."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from iin_core.blocks import Blocks
from iin_core.errors import InputError

_SMALLEST = 1e-10
"""Directions with less than this share of a block's largest variance are rounding errors."""


def gaussian_total_correlation(
    z_tilde: ArrayLike | Tensor, blocks: Blocks, *, corrected: bool = False
) -> float:
    """Total correlation between blocks of a Gaussian with the code's covariance Σ, in nats.

    TC = ½ (Σ_b log det Σ_bb − log det Σ), 0 where blocks are uncorrelated. No invertible linear map
    inside a block changes it. It sees linear dependence only: 0 is no proof of independence.

    Σ is the sample covariance, without shrinkage, which would break the invariance. The estimate is
    too large by about Σ_{b<c} d_b d_c / 2n even for independent blocks; `corrected` subtracts its exact
    bias for Gaussian rows, ½ (Σ_b c(d_b) − c(d)) with c(p) = Σ_{i=1}^p ψ((n − i)/2) − log((n − 1)/2).
    Rows of one source count as independent there. Directions of a block without variance are left out.

    Args:
        z_tilde: (n, d), more rows than dimensions.
        blocks: the layout of z̃.
        corrected: subtract the bias; the result may then be slightly negative.

    Returns:
        nats; infinite where blocks determine each other linearly.

    Raises:
        InputError: not more rows than dimensions, or another width than the blocks'.

    Source: Watanabe, "Information theoretical analysis of multivariate correlation" (1960), for
        Gaussian vectors; the bias from E log det of a Wishart matrix.
    """
    code = torch.as_tensor(z_tilde).detach().to("cpu", torch.float64).numpy()
    if code.ndim != 2 or code.shape[1] != blocks.n_dims or len(code) <= blocks.n_dims + 1:
        raise InputError(
            f"A code of shape {code.shape} has no covariance of full rank over {blocks.n_dims} dimensions.",
            where="z_tilde, blocks",
            fix=f"pass codes (n, {blocks.n_dims}) with more rows than that",
        )
    white = [_whitened(code[:, place]) for place in blocks.values()]
    widths = [part.shape[1] for part in white]
    joint = np.hstack(white)
    variances = np.linalg.eigvalsh(joint.T @ joint)
    if len(variances) and variances[0] <= _SMALLEST * variances[-1]:
        return math.inf
    total = -0.5 * float(np.log(variances).sum())
    if not corrected:
        return total
    return total - 0.5 * (sum(_bias(p, len(code)) for p in widths) - _bias(sum(widths), len(code)))


def _whitened(block: NDArray[np.float64]) -> NDArray[np.float64]:
    """Orthonormal columns (n, d') that span the centred block (n, d)."""
    centred = block - block.mean(0)
    scale = centred.std(0)
    left, values, _ = np.linalg.svd(centred / np.where(scale > 0, scale, 1), full_matrices=False)
    return left[:, values**2 > _SMALLEST * max(values[0] ** 2, np.finfo(np.float64).tiny)]


def _bias(width: int, n: int) -> float:
    """E log det of the sample covariance of n Gaussian rows − log det of the true one."""
    degrees = (n - torch.arange(1, width + 1, dtype=torch.float64)) / 2
    return float((torch.special.digamma(degrees) - math.log((n - 1) / 2)).sum())
