"""Means and covariances of rows within cells, shrunk towards those of all rows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.linalg import cholesky, solve_triangular

from iin_core.transforms import AffineMaps

_FLOOR = 1e-6
_INTERACTION = 4.0


@dataclass(frozen=True)
class Told:
    """Rows x with what is told of them.

    Attributes:
        x: (n, w), float64.
        u: (n, v), what x may depend on linearly.
        foreign, own: (n,), their cells.
        n_cells: F and O.
    """

    x: Tensor
    u: Tensor
    foreign: Tensor
    own: Tensor
    n_cells: tuple[int, int]


@dataclass(frozen=True)
class Conditionals:
    """Normal distributions of x given u in each cell.

    Attributes:
        centre: (O, F, w).
        home: (O, w), the means of own cells.
        slope: (F, w, v).
        root: (F, w, w), Cholesky factors of the covariances.
    """

    centre: Tensor
    home: Tensor
    slope: Tensor
    root: Tensor

    def nll(self, told: Told) -> float:
        """Negative log-likelihood, in nats a row, without its constant."""
        total = torch.zeros((), dtype=told.x.dtype)
        for cell in told.foreign.unique().tolist():
            rows = told.foreign == cell
            white = solve_triangular(self.root[cell], self._free(told, rows, cell).T, upper=False)
            total = total + 0.5 * white.square().sum() + rows.sum() * self.root[cell].diagonal().log().sum()
        return float(total / len(told.x))

    def towards(self, pooled: Conditionals) -> AffineMaps:
        """The maps that turn each cell's distribution into the pooled one."""
        n_foreign, width = self.root.shape[:2]
        unit = torch.eye(width, dtype=self.root.dtype).expand(n_foreign, -1, -1)
        scale = pooled.root[0] @ solve_triangular(self.root, unit, upper=False)
        parts = (scale, self.centre, self.home, self.slope, pooled.slope[0])
        return AffineMaps(*(part.float().contiguous() for part in parts))

    def whitening(self, told: Told) -> AffineMaps:
        """The map of a single cell to mean 0 and covariance I, with the scale that suits given rows."""
        width = self.root.shape[1]
        unit = torch.eye(width, dtype=self.root.dtype)
        scale = solve_triangular(self.root[0], unit, upper=False)
        everything = torch.ones(len(told.x), dtype=torch.bool)
        deviation = self._free(told, everything, 0) @ scale.T
        scale = scale / deviation.square().mean().sqrt()
        parts = (scale[None], self.centre, torch.zeros_like(self.home), self.slope, self.slope[0])
        return AffineMaps(*(part.float().contiguous() for part in parts))

    def _free(self, told: Told, rows: Tensor, cell: int) -> Tensor:
        return told.x[rows] - self.centre[told.own[rows], cell] - told.u[rows] @ self.slope[cell].T


@dataclass(frozen=True)
class Moments:
    """Moments of rows (u, x) by own cell o and foreign cell f.

    Attributes:
        width: w.
        home: (O, w), the means of own cells.
        pool: (v + w, v + w), the covariance within own cells.
        shift: (F, w), mean deviation from home in each foreign cell.
        covariance: (F, v + w, v + w), within a foreign cell, about the means of its own cells.
        interaction: (O, F, w), what the mean of each pair of cells has beyond both.
        counts: (F,) and (O, F) rows.
    """

    width: int
    home: Tensor
    pool: Tensor
    shift: Tensor
    covariance: Tensor
    interaction: Tensor
    counts: tuple[Tensor, Tensor]

    @classmethod
    def of(cls, told: Told) -> Moments:
        """The moments of some rows."""
        f, o = told.foreign, told.own
        n_foreign, n_own = told.n_cells
        both, v = o * n_foreign + f, told.u.shape[1]
        joint = torch.cat((told.u, told.x), 1)
        home, _ = _means(joint, o, n_own)
        deviation = joint - home[o]
        shift, n_f = _means(deviation, f, n_foreign)
        beyond = deviation - shift[f]
        interaction, n_pair = _means(beyond, both, n_own * n_foreign)
        within = beyond - interaction[both]
        covariance = torch.stack(
            [within[f == cell].T @ within[f == cell] / max(1, int(n_f[cell])) for cell in range(n_foreign)]
        )
        pool = deviation.T @ deviation / len(joint)
        shape = (n_own, n_foreign)
        by_pair = interaction[:, v:].view(*shape, -1)
        counts = (n_f, n_pair.view(shape))
        return cls(told.x.shape[1], home[:, v:], pool, shift[:, v:], covariance, by_pair, counts)

    def pooled(self) -> Conditionals:
        """The same distribution in all foreign cells."""
        n_foreign = len(self.shift)
        centre = self.home[:, None].expand(-1, n_foreign, -1)
        return Conditionals(centre, self.home, *self._given(self.pool.expand(n_foreign, -1, -1)))

    def shrunk(self, shrinkage: float, share: float) -> Conditionals:
        """One for each cell, from its own moments and the pooled ones.

        Args:
            shrinkage: rows a dimension that the pooled covariance counts for.
            share: of the mean deviations that is believed.
        """
        n_dims = self.pool.shape[0]
        n_f, n_pair = self.counts
        own = (n_f / (n_f + shrinkage * n_dims))[:, None, None]
        sure = (n_pair / (n_pair + _INTERACTION * shrinkage * n_dims))[..., None]
        centre = self.home[:, None] + share * (self.shift[None] + sure * self.interaction)
        return Conditionals(centre, self.home, *self._given(own * self.covariance + (1 - own) * self.pool))

    def _given(self, covariance: Tensor) -> tuple[Tensor, Tensor]:
        """Slope on u and Cholesky factor given u, from covariances of (u, x)."""
        root = cholesky(_positive(covariance))
        v = root.shape[-1] - self.width
        told, cross, free = root[:, :v, :v], root[:, v:, :v], root[:, v:, v:]
        return solve_triangular(told, cross, upper=False, left=False), free


def _positive(covariance: Tensor) -> Tensor:
    n_dims = covariance.shape[-1]
    floor = _FLOOR * covariance.diagonal(dim1=-2, dim2=-1).mean(-1).clamp_min(_FLOOR)[..., None, None]
    return covariance + floor * torch.eye(n_dims, dtype=covariance.dtype)


def _means(x: Tensor, cell: Tensor, n_cells: int) -> tuple[Tensor, Tensor]:
    """(C, d) and the numbers of rows, (C,)."""
    counts = torch.bincount(cell, minlength=n_cells)
    sums = torch.zeros(n_cells, x.shape[1], dtype=x.dtype).index_add_(0, cell, x)
    return sums / counts.clamp_min(1)[:, None], counts
