"""Dependence of two vectors in Gaussian kernels."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.metrics.permutation import PERMUTATIONS, Dependence, dependence, statistic
from iin_core.metrics.row_pairs import distances, u_centred


def hsic(x: ArrayLike, y: ArrayLike) -> float:
    """Unbiased Hilbert–Schmidt independence criterion with Gaussian kernels.

    HSIC = [tr(K̃L̃) + ΣK̃ ΣL̃ / ((n − 1)(n − 2)) − 2 · 1ᵀK̃L̃1 / (n − 2)] / n(n − 3), where K̃ and L̃ are
    exp(−‖a − b‖²/2σ²) with zero diagonal, and σ is the median distance of two rows, of x and y each
    (the mean of the distances above 0 where that median is 0). 0 on average for independent vectors,
    so that it may be slightly negative. It has no natural scale: read it beside its permutations.
    Needs memory for two n × n matrices of float64.

    Args:
        x: (n, d).
        y: (n, e).

    Raises:
        InputError: fewer than four rows, or numbers of rows that differ.

    Source: Song et al., "Feature selection via dependence maximization" (2012), equation 5; bandwidth as
        Gretton et al., "A kernel statistical test of independence" (2008), section 4.
    """
    return statistic(_centred, x, y)


def hsic_test(
    x: ArrayLike,
    y: ArrayLike,
    source: ArrayLike | None = None,
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Dependence:
    """`hsic` with its p-value and interval, both over sources.

    Args:
        x: (n, d).
        y: (n, e).
        source: (n,) source of each row; whole sources are exchanged. None: each row is one.
        permutations: how many, each costs a pass over an n × n matrix.
        seed: of the permutations and of the interval's groups.

    Raises:
        InputError: as `hsic`; too few sources with equally many rows.
    """
    return dependence(_centred, (x, y), source, permutations=permutations, seed=seed)


def _centred(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    return u_centred(_kernel(x)), u_centred(_kernel(y)), float(len(x) * (len(x) - 3))


def _kernel(x: NDArray[np.float64]) -> NDArray[np.float64]:
    between = distances(x)
    pairs = between[np.triu_indices(len(x), 1)]
    width = float(np.median(pairs))
    if width == 0:
        width = float(pairs[pairs > 0].mean()) if (pairs > 0).any() else 1.0
    kernel: NDArray[np.float64] = np.exp(-((between / width) ** 2) / 2)
    return kernel
