"""The covariance of wide rows from one pass: whole up to 2,048 features, above by its leading part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

EXACT_FEATURES = 2048
"""Up to here the N × N covariance is added up (32 MiB in float64); above, only a low rank of it."""


@dataclass(frozen=True)
class Spectrum:
    """Covariance ≈ V diag(values) Vᵀ + rest · (1 − V Vᵀ).

    Attributes:
        mean: (N,), float64 as all here.
        basis: V, (N, l) with orthonormal columns.
        values: (l,), falling.
        rest: the mean variance in each direction outside V.
    """

    mean: Tensor
    basis: Tensor
    values: Tensor
    rest: float

    def solve(self, columns: Tensor, ridge: float) -> Tensor:
        """(Covariance + ridge)⁻¹ · columns, (N, k)."""
        inside = self.basis.T @ columns
        outside = columns - self.basis @ inside
        return self.basis @ (inside / (self.values + ridge)[:, None]) + outside / (self.rest + ridge)

    @property
    def mean_variance(self) -> float:
        """The mean over all N directions."""
        n_features, rank = self.basis.shape
        return float(self.values.sum() + self.rest * (n_features - rank)) / n_features


class Covariance(Protocol):
    """Adds up rows, and gives the spectrum of their covariance."""

    def add(self, rows: Tensor) -> None:
        """Add scaled rows, (n, N) float32."""
        ...

    def spectrum(self) -> Spectrum:
        """The spectrum of all rows so far."""
        ...


def make_covariance(n_features: int, rank: int) -> Covariance:
    """The exact one up to `EXACT_FEATURES`, above a sketch of at least `rank` directions."""
    return (
        ExactCovariance(n_features) if n_features <= EXACT_FEATURES else SketchedCovariance(n_features, rank)
    )


class ExactCovariance:
    """All N × N products."""

    def __init__(self, n_features: int) -> None:
        self._n = 0
        self._total = torch.zeros(n_features, dtype=torch.float64)
        self._products = torch.zeros(n_features, n_features, dtype=torch.float64)

    def add(self, rows: Tensor) -> None:
        """Add scaled rows, (n, N) float32."""
        self._n += len(rows)
        self._total += rows.sum(0, dtype=torch.float64)
        self._products += rows.T @ rows

    def spectrum(self) -> Spectrum:
        """All N directions."""
        mean = self._total / self._n
        values, vectors = torch.linalg.eigh(self._products / self._n - torch.outer(mean, mean))
        return Spectrum(mean, vectors.flip(1), values.flip(0).clamp_min(0), 0.0)


class SketchedCovariance:
    """The leading singular directions of the rows so far: each block is merged, the tail is cut.

    Memory is (rank + block) × N float32. The cut variance is kept as a number.

    Source: Baker, Gallivan, Van Dooren, Low-rank incremental methods for computing dominant singular
    subspaces, 2012.
    """

    def __init__(self, n_features: int, rank: int) -> None:
        self._rank = min(rank, n_features)
        self._n = 0
        self._total = torch.zeros(n_features, dtype=torch.float64)
        self._squares = 0.0
        self._kept = torch.zeros(0, n_features)

    def add(self, rows: Tensor) -> None:
        """Add scaled rows, (n, N) float32."""
        self._n += len(rows)
        self._total += rows.sum(0, dtype=torch.float64)
        self._squares += float(torch.linalg.vector_norm(rows, dtype=torch.float64)) ** 2
        for block in rows.split(max(self._rank, 512)):
            self._kept = self._merged(torch.cat((self._kept, block)))

    def spectrum(self) -> Spectrum:
        """As many directions as the sketch holds."""
        mean = self._total / self._n
        values, turn = torch.linalg.eigh((self._kept @ self._kept.T).double())
        alive = values > 1e-10 * values[-1].clamp_min(1e-30)
        basis = self._kept.T.double() @ (turn[:, alive] / values[alive].sqrt())
        # The rows were centred by a sample's median: what is left of the mean is taken out here.
        shift = basis.T @ mean
        values, turn = torch.linalg.eigh(torch.diag(values[alive] / self._n) - torch.outer(shift, shift))
        values, basis = values.flip(0).clamp_min(0), basis @ turn.flip(1)
        total = self._squares / self._n - float(mean.square().sum())
        outside = max(len(mean) - len(values), 1)
        return Spectrum(mean, basis, values, max(total - float(values.sum()), 0.0) / outside)

    def _merged(self, rows: Tensor) -> Tensor:
        if len(rows) <= self._rank:
            return rows
        _, turn = torch.linalg.eigh((rows @ rows.T).double())
        merged: Tensor = turn[:, -self._rank :].T.float() @ rows
        return merged
