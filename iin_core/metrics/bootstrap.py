"""Intervals over sources: rows of one source are not independent, sources are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
_TWO_SIDED = 1.959964
"""Standard deviations that hold LEVEL of a normal distribution."""
MAX_GROUPS = 2000
"""More sources than this are drawn in so many groups of sources, put together at random."""


class Resampling:
    """Sources drawn with replacement inside each stratum, the same ones for whatever is averaged.

    Args:
        source: (n,) source of each row.
        strata: (n,) stratum of each row; the rows of a source lie in one. None: there is one.
        draws: how many resamplings.
        seed: of the resampling.
    """

    def __init__(self, source: ArrayLike, strata: ArrayLike | None = None, *, draws: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        of_row = np.asarray(source)
        stratum_of_row = np.zeros(len(of_row)) if strata is None else np.asarray(strata)
        self._parts = [
            _drawn(of_row, np.flatnonzero(stratum_of_row == stratum), draws, rng)
            for stratum in np.unique(stratum_of_row)
        ]

    def means(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean over strata of the mean over rows, as cross-fitting averages its two directions.

        Args:
            values: (n, m), m statistics of each row, e.g. 1 where a prediction is right; NaN where a
                row has no such statistic, which leaves it out of that mean.

        Returns:
            (draws, m); no rows where `draws` is 0.
        """
        means = []
        for rows, starts, weights in self._parts:
            mine = values[rows]
            known = ~np.isnan(mine)
            sums = weights @ np.add.reduceat(np.where(known, mine, 0.0), starts, axis=0)
            counts = weights @ np.add.reduceat(known.astype(np.float64), starts, axis=0)
            means.append(np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0))
        averages: NDArray[np.float64] = np.stack(means).mean(0)
        return averages


def _drawn(
    source: NDArray[np.generic], rows: NDArray[np.int64], draws: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Rows (n,) by group, where each group starts, how often each draw takes each group (draws, groups)."""
    codes, names = pd.factorize(source[rows])
    if len(names) > MAX_GROUPS:
        codes = (rng.permutation(len(names)) % MAX_GROUPS)[codes]
    sizes = np.bincount(codes)
    times = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=draws)
    starts = np.cumsum(sizes) - sizes
    return rows[np.argsort(codes, kind="stable")], starts, times.astype(np.float64)


def source_means(
    values: NDArray[np.float64], source: ArrayLike, strata: ArrayLike | None = None, *, draws: int, seed: int
) -> NDArray[np.float64]:
    """Means (draws, m) of row values (n, m) under resampled sources, see `Resampling`.

    Nothing is fitted again: only predictions are resampled.
    """
    return Resampling(source, strata, draws=draws, seed=seed).means(values)


def interval(samples: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """The central 95 % of bootstrap samples (draws,); (None, None) where there are none."""
    kept = samples[~np.isnan(samples)]
    if len(kept) == 0:
        return None, None
    low, high = np.quantile(kept, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def resampled_interval(
    statistic: Callable[[NDArray[np.int64], int], float], source: ArrayLike, *, draws: int, seed: int
) -> tuple[float | None, float | None]:
    """95 % interval of a statistic that draws at random itself, by resampling sources and drawing anew.

    θ ± 1.96 times the standard deviation of the statistic over resampled sources, each with a seed of
    its own, so that the interval holds both what other sources and what other draws would have given.
    A jackknife would take the noise of the draws for that of sources, many times over.

    Args:
        statistic: a number from row indices (m,), in which rows may repeat, and a seed.
        source: (n,) source of each row.
        draws: how many resamplings.
        seed: of the resampling; θ is the statistic of all rows with it.

    Returns:
        low and high; (None, None) with fewer than four sources or two draws, or where the statistic is
        not finite.
    """
    codes, names = pd.factorize(np.asarray(source))
    if len(names) < 4 or draws < 2:
        return None, None
    rng = np.random.default_rng(seed)
    rows_of = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    found = []
    for _ in range(draws):
        taken = rng.integers(len(names), size=len(names))
        found.append(statistic(np.concatenate([rows_of[i] for i in taken]), int(rng.integers(2**31))))
    whole = statistic(np.arange(len(codes)), seed)
    reach = _TWO_SIDED * float(np.std(found, ddof=1))
    return (whole - reach, whole + reach) if np.isfinite([whole, reach]).all() else (None, None)
