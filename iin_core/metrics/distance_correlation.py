"""Dependence of two vectors that is zero only for independent ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.metrics.permutation import PERMUTATIONS, Dependence, dependence, statistic
from iin_core.metrics.row_pairs import distances, u_centred


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
    return statistic(_centred, x, y)


def distance_correlation_test(
    x: ArrayLike,
    y: ArrayLike,
    source: ArrayLike | None = None,
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Dependence:
    """`distance_correlation` with its p-value and interval, both over sources.

    Args:
        x: (n, d).
        y: (n, e).
        source: (n,) source of each row; whole sources are exchanged. None: each row is one.
        permutations: how many, each costs a pass over an n × n matrix.
        seed: of the permutations and of the interval's groups.

    Raises:
        InputError: as `distance_correlation`; too few sources with equally many rows.

    Source: Székely and Rizzo (2014), section 4, with sources as the units that are exchanged.
    """
    return dependence(_centred, (x, y), source, permutations=permutations, seed=seed)


def _centred(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    u, v = u_centred(distances(x)), u_centred(distances(y))
    return u, v, float(np.sqrt((u * u).sum() * (v * v).sum()))
