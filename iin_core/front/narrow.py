"""Whitening of a whole layer: exact, and where all features vary, square."""

from __future__ import annotations

import torch
from torch import Tensor

from iin_core.errors import InputError
from iin_core.front.linear_map import Front
from iin_core.row_reader import RowReader, chunks

EIGENVALUE_FLOOR = 1e-3
NULL_VARIANCE = 1e-7


def fit_narrow(reader: RowReader) -> Front:
    """Whiten all N features of the rows.

    By ZCA where all N directions are kept, else by PCA; eigenvalues are floored at a thousandth of
    the largest, so that noise directions are not blown up. The number of kept directions is even and
    leaves out those without variance.

    Raises:
        InputError: all rows are the same.
    """
    n_features = reader.n_features
    mean, covariance = _moments(reader)
    values, vectors = torch.linalg.eigh(covariance)
    values, vectors = values.flip(0).clamp_min(0), vectors.flip(1)
    d = directions_with_variance(values, reader)
    scale = values[:d].clamp_min(EIGENVALUE_FLOOR * float(values[0])).sqrt()
    turn = vectors.T if d == n_features else torch.eye(d, dtype=torch.float64)
    return Front(
        mean.float(),
        (vectors[:, :d] / scale @ turn).float(),
        (turn.T @ (vectors[:, :d] * scale).T).float(),
        float(-scale.log().sum()),
        float(values[:d].sum() / values.sum()),
    )


def directions_with_variance(values: Tensor, reader: RowReader) -> int:
    """How many directions vary, an even number, from falling eigenvalues.

    Raises:
        InputError: fewer than two.
    """
    found = int((values > NULL_VARIANCE * float(values[0])).sum()) if values[0] > 0 else 0
    if found < 2:
        raise InputError(
            f"The rows of this layer vary in {found} directions only.",
            where=f"{reader.n_rows} rows of {reader.n_features} features",
            fix="study a layer that responds to its input, or give more rows",
        )
    return found - found % 2


def _moments(reader: RowReader) -> tuple[Tensor, Tensor]:
    """Mean, (N,), and covariance, (N, N), about the first row so that no digits are lost."""
    n, n_features = reader.n_rows, reader.n_features
    first = torch.from_numpy(reader.read(0, 1)).double()
    total, products = torch.zeros(n_features).double(), torch.zeros(n_features, n_features).double()
    for _, block in chunks(reader):
        rows = torch.from_numpy(block).double() - first
        total += rows.sum(0)
        products += rows.T @ rows
    mean = total / n
    return mean + first[0], (products - n * torch.outer(mean, mean)) / max(n - 1, 1)
