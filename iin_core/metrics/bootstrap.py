"""Intervals over sources: rows of one source are not independent, sources are."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
MAX_GROUPS = 2000
"""More sources than this are drawn in so many groups of sources, put together at random."""


def source_means(
    values: NDArray[np.float64], source: ArrayLike, strata: ArrayLike, *, draws: int, seed: int
) -> NDArray[np.float64]:
    """Means of row values under resampled sources.

    Whole sources are drawn with replacement inside each stratum; the statistic is the mean over
    strata of the mean over rows, as cross-fitting averages its two directions. Nothing is fitted
    again: only predictions are resampled.

    Args:
        values: (n, m), m statistics of each row, e.g. 1 where a prediction is right; NaN where a
            row has no such statistic, which leaves it out of that mean.
        source: (n,) source of each row.
        strata: (n,) stratum of each row; the rows of a source lie in one.
        draws: how many resamplings.
        seed: of the resampling.

    Returns:
        (draws, m); no rows where `draws` is 0.
    """
    rng = np.random.default_rng(seed)
    means = []
    stratum_of_row = np.asarray(strata)
    for stratum in np.unique(stratum_of_row):
        rows = stratum_of_row == stratum
        codes, names = pd.factorize(np.asarray(source)[rows])
        if len(names) > MAX_GROUPS:
            codes = (rng.permutation(len(names)) % MAX_GROUPS)[codes]
        order, sizes = np.argsort(codes, kind="stable"), np.bincount(codes)
        starts = np.cumsum(sizes) - sizes
        known = ~np.isnan(values[rows][order])
        sums = np.add.reduceat(np.where(known, values[rows][order], 0.0), starts, axis=0)
        counts = np.add.reduceat(known.astype(np.float64), starts, axis=0)
        n_groups = len(sizes)
        weights = rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=draws)
        total = weights @ counts
        means.append(np.divide(weights @ sums, total, out=np.full(total.shape, np.nan), where=total > 0))
    averages: NDArray[np.float64] = np.stack(means).mean(0)
    return averages


def interval(samples: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """The central 95 % of bootstrap samples (draws,); (None, None) where there are none."""
    kept = samples[~np.isnan(samples)]
    if len(kept) == 0:
        return None, None
    low, high = np.quantile(kept, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
