"""Dependence of two vectors that is zero only for independent ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.errors import InputError


def distance_correlation(x: ArrayLike, y: ArrayLike) -> float:
    """Bias-corrected (squared) distance correlation.

    dCor* = (A*·B*) / √((A*·A*)(B*·B*)) with U-centred distance matrices, zero diagonals, and
    (A·B) = Σ_{i≠j} A_ij B_ij / n(n − 3). Its expectation is 0 for independent x and y in any
    dimension, so that it may be slightly negative; it is 1 where y is x moved, turned and scaled.
    Needs memory for two n × n matrices of float64.

    Args:
        x: (n, d).
        y: (n, e).

    Raises:
        InputError: fewer than four rows, or numbers of rows that differ.

    Source: Székely and Rizzo, "Partial distance correlation with methods for dissimilarities"
        (2014), definitions 1 and 2.
    """
    a, b = (np.asarray(v, dtype=np.float64).reshape(len(np.asarray(v)), -1) for v in (x, y))
    if len(a) != len(b) or len(a) < 4:
        raise InputError(
            f"Distance correlation needs two arrays of the same 4 or more rows, not {len(a)} and {len(b)}.",
            where="x, y",
            fix="pass matching rows",
        )
    u, v = _u_centred(a), _u_centred(b)
    norm = np.sqrt((u * u).sum() * (v * v).sum())
    return float((u * v).sum() / norm) if norm > 0 else 0.0


def _u_centred(x: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = (x * x).sum(1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * x @ x.T, 0))
    np.fill_diagonal(distances, 0)
    n = len(x)
    rows = distances.sum(1)
    centred: NDArray[np.float64] = distances - (rows[:, None] + rows) / (n - 2)
    centred += rows.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(centred, 0)
    return centred
