"""Intervals of statistics that resampling with replacement would bias: leave groups of sources out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from iin_core.metrics.bootstrap import LEVEL

N_GROUPS = 20


def jackknife_interval(
    statistic: Callable[[NDArray[np.int64]], float],
    source: ArrayLike,
    *,
    groups: int = N_GROUPS,
    seed: int = 0,
) -> tuple[float | None, float | None]:
    """95 % interval of one number by the delete-a-group jackknife over sources.

    Args:
        statistic: a number from row indices (m,).
        source: (n,) source of each row; all rows of a source leave together.
        groups: how many, at most the number of sources.
        seed: of the grouping.

    Returns:
        low and high; (None, None) with fewer than four sources, or where the statistic is not finite.
    """
    found = jackknife_intervals(lambda rows: np.array([statistic(rows)]), source, groups=groups, seed=seed)
    return (None, None) if found is None else (float(found[0, 0]), float(found[0, 1]))


def jackknife_intervals(
    statistics: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    source: ArrayLike,
    *,
    groups: int = N_GROUPS,
    seed: int = 0,
    whole: NDArray[np.float64] | None = None,
) -> NDArray[np.float64] | None:
    """95 % intervals by the delete-a-group jackknife over sources, of what is measured together.

    Sources fall into g random groups; with θ_j the statistic without group j and θ that of all rows,
    the interval is θ ± t √((g − 1)/g Σ (θ_j − θ̄)²), t the 97.5 % quantile of Student's t with g − 1
    degrees of freedom. Distances between rows that a bootstrap drew twice would be 0 and look like
    dependence; rows left out look like nothing.

    Args:
        statistics: (m,) numbers from row indices (k,).
        source: (n,) source of each row; all rows of a source leave together.
        groups: how many, at most the number of sources. Few are enough where a statistic is dear: the
            interval is then wider, and covers as often.
        seed: of the grouping.
        whole: (m,) the statistics of all rows, where they are known.

    Returns:
        (m, 2) low and high; None with fewer than four sources, or where a statistic is not finite.

    Source: Kott, "The delete-a-group jackknife" (2001).
    """
    from scipy.special import stdtrit

    codes, names = pd.factorize(np.asarray(source))
    n_groups = min(groups, len(names))
    if n_groups < 4:
        return None
    group_of = np.random.default_rng(seed).permutation(len(names)) % n_groups
    without = np.stack([statistics(np.flatnonzero(group_of[codes] != j)) for j in range(n_groups)])
    whole = statistics(np.arange(len(codes))) if whole is None else whole
    if not (np.isfinite(without).all() and np.isfinite(whole).all()):
        return None
    error = np.sqrt((n_groups - 1) * without.var(0))
    reach = stdtrit(n_groups - 1, (1 + LEVEL) / 2) * error
    return np.stack([whole - reach, whole + reach], 1)
