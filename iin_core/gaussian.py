"""A normal distribution with full covariance on activations: what an unsupervised IIN has to beat."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from iin_core.errors import InputError

_FLOOR = 1e-6
"""Of the variance of a direction, as a share of the largest."""


@dataclass(frozen=True)
class Gaussian:
    """N(mean, factor · factorᵀ) on rows of z.

    Args:
        mean: (N,) float64.
        factor: (N, N) float64, lower triangular.
    """

    mean: Tensor
    factor: Tensor

    def sample(self, n: int, seed: int = 0) -> Tensor:
        """Draw n activations, (n, N) float32."""
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randn(n, len(self.mean), generator=generator, dtype=torch.float64)
        return (self.mean + drawn @ self.factor.T).float()

    def log_prob(self, z: ArrayLike | Tensor) -> Tensor:
        """Log-density of rows (n, N), (n,) float64, nats."""
        rows = torch.as_tensor(z).double() - self.mean
        white = torch.linalg.solve_triangular(self.factor, rows.T, upper=False)
        log_det = self.factor.diagonal().log().sum()
        density: Tensor = (
            -0.5 * white.square().sum(0) - log_det - 0.5 * len(self.mean) * math.log(2 * math.pi)
        )
        return density


def fit_gaussian(z: ArrayLike | Tensor) -> Gaussian:
    """Fit mean and full covariance to rows z, (n, N); directions without variance keep a millionth.

    Raises:
        InputError: not several finite rows.
    """
    rows = torch.as_tensor(z).detach().cpu().double()
    if rows.ndim != 2 or len(rows) < 2 or not bool(rows.isfinite().all()):
        raise InputError(
            f"A normal distribution is fitted to several finite rows (n, N), not to {tuple(rows.shape)}."
        )
    mean = rows.mean(0)
    centred = rows - mean
    covariance = centred.T @ centred / (len(rows) - 1)
    floor = _FLOOR * covariance.diagonal().max().clamp_min(torch.finfo(torch.float64).tiny)
    lifted = covariance + floor * torch.eye(len(mean), dtype=torch.float64)
    return Gaussian(mean, torch.linalg.cholesky(lifted))
