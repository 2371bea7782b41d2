"""Intervals of statistics that resampling with replacement would bias: leave groups of sources out."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

N_GROUPS = 20
_Z = 1.959964


def jackknife_interval(
    statistic: Callable[[NDArray[np.int64]], float],
    source: ArrayLike,
    *,
    groups: int = N_GROUPS,
    seed: int = 0,
) -> tuple[float | None, float | None]:
    """95 % interval by the delete-a-group jackknife over sources.

    Sources fall into g random groups; with θ_j the statistic without group j and θ that of all rows,
    the interval is θ ± 1.96 √((g − 1)/g Σ (θ_j − θ̄)²). Distances between rows that a bootstrap drew
    twice would be 0 and look like dependence; rows left out look like nothing.

    Args:
        statistic: a number from row indices (m,).
        source: (n,) source of each row; all rows of a source leave together.
        groups: how many, at most the number of sources.
        seed: of the grouping.

    Returns:
        low and high; (None, None) with fewer than four sources, or where the statistic is not finite.

    Source: Kott, "The delete-a-group jackknife" (2001).
    """
    codes, names = pd.factorize(np.asarray(source))
    n_groups = min(groups, len(names))
    if n_groups < 4:
        return None, None
    group_of = np.random.default_rng(seed).permutation(len(names)) % n_groups
    without = [statistic(np.flatnonzero(group_of[codes] != j)) for j in range(n_groups)]
    whole = statistic(np.arange(len(codes)))
    if not np.isfinite([*without, whole]).all():
        return None, None
    error = math.sqrt((n_groups - 1) * float(np.var(without)))
    return whole - _Z * error, whole + _Z * error
