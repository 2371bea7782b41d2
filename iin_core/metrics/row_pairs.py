"""Matrices over pairs of rows, centred so that their products estimate dependence without bias."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.errors import InputError


def matching_rows(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both as (n, d) float64.

    Raises:
        InputError: fewer than four rows, or numbers of rows that differ.
    """
    a, b = (np.asarray(v, dtype=np.float64).reshape(len(np.asarray(v)), -1) for v in (x, y))
    if len(a) != len(b) or len(a) < 4:
        raise InputError(
            f"Dependence needs two arrays of the same 4 or more rows, not {len(a)} and {len(b)}.",
            where="x, y",
            fix="pass matching rows",
        )
    return a, b


def distances(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, n) Euclidean distances of rows (n, d)."""
    near = x - x.mean(0)
    squares = (near * near).sum(1)
    found: NDArray[np.float64] = np.sqrt(np.maximum(squares[:, None] + squares - 2 * near @ near.T, 0))
    np.fill_diagonal(found, 0)
    return found


def u_centred(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """A_ij − Σ_l A_il/(n − 2) − Σ_l A_lj/(n − 2) + Σ A/((n − 1)(n − 2)) off the diagonal, else 0.

    Σ_{i≠j} U_ij V_ij / n(n − 3) of two of them is unbiased: its mean is 0 for independent rows. The
    diagonal of `matrix` (n, n) does not count.

    Source: Székely and Rizzo (2014), definition 2; with kernels it is the estimator of Song et al.,
        "Feature selection via dependence maximization" (2012), equation 5.
    """
    n = len(matrix)
    hollow = matrix - np.diag(np.diag(matrix))
    rows = hollow.sum(1)
    centred: NDArray[np.float64] = hollow - (rows[:, None] + rows) / (n - 2)
    centred += rows.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(centred, 0)
    return centred
