"""How well one coordinate orders rows by a concept."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.metrics.jackknife import jackknife_interval
from iin_core.metrics.labels import MISSING, class_indices
from iin_core.metrics.permutation import permuted_rows
from iin_core.metrics.score import Score


def ordering(
    coordinate: ArrayLike, values: ArrayLike, source: ArrayLike, *, permutations: int = 99, seed: int = 0
) -> Score:
    """Rank correlation of a coordinate with a concept, in [0, 1].

    *Numbers*: the absolute value of Spearman's ρ. *Labels* have no order: the largest rank correlation
    that any order and spacing of the classes could have, which is the correlation ratio of the ranks,
    √(variance of ranks between classes / variance of ranks). It is above 0 by chance, more so with many
    classes and few rows: `control_high` is its 95 % quantile where sources were exchanged.

    Args:
        coordinate: (n,).
        values: (n,) floats (NaN where there is none), or labels (None where there is none).
        source: (n,) source of each row.
        permutations: of sources.
        seed: of permutations and of the interval's groups.

    Returns:
        With chance 0 for numbers, the mean over permutations as `control`, and an interval over sources.

    Raises:
        InputError: too few sources to be exchanged.
    """
    found = np.asarray(values)
    numeric = found.dtype.kind == "f"
    codes = found.astype(np.float64) if numeric else class_indices(found)[0].astype(np.float64)
    known = ~np.isnan(codes) & (True if numeric else codes != MISSING)
    x, y = np.asarray(coordinate, dtype=np.float64)[known], codes[known]
    of_row = np.asarray(source)[known]

    def statistic(rows: NDArray[Any], others: NDArray[Any]) -> float:
        return _spearman(x[rows], y[others]) if numeric else _ratio(x[rows], y[others])

    every = np.arange(len(x))
    drawn = [statistic(every, order) for order in permuted_rows(of_row, permutations, seed=seed)]
    low, high = jackknife_interval(lambda rows: statistic(rows, rows), of_row, seed=seed)
    return Score(
        statistic(every, every),
        chance=0.0 if numeric else None,
        control=float(np.mean(drawn)),
        low=None if low is None else max(low, 0.0),
        high=None if high is None else min(high, 1.0),
        n=len(x),
        control_high=float(np.quantile(drawn, 0.95)),
    )


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.stats import rankdata

    ranks: NDArray[np.float64] = rankdata(values)
    centred: NDArray[np.float64] = ranks - ranks.mean()
    return centred


def _spearman(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    a, b = _ranks(x), _ranks(y)
    norm = float(np.sqrt(np.vdot(a, a) * np.vdot(b, b)))
    return abs(float(np.vdot(a, b))) / norm if norm > 0 else 0.0


def _ratio(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    ranks = _ranks(x)
    _, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    means = np.bincount(codes, ranks) / counts
    whole = float(np.vdot(ranks, ranks))
    return float(np.sqrt(np.vdot(counts, means**2) / whole)) if whole > 0 else 0.0
