"""Numbers as labels, for probes that read classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.errors import InputError

N_BINS = 5


def quintiles(values: ArrayLike) -> NDArray[np.int64]:
    """The fifth of the values in which each value lies, 0 to 4, or −1 where it is NaN; ties share a bin.

    Args:
        values: (n,) numbers; the edges are the quintiles of these values.

    Raises:
        InputError: a value is infinite.
    """
    numbers = np.asarray(values, dtype=np.float64)
    bad = np.flatnonzero(np.isinf(numbers))
    if len(bad):
        raise InputError(
            f"{len(bad)} values of a numeric concept are infinite.",
            where=f"rows {bad[:5].tolist()}",
            fix="drop these rows, or leave their values missing",
        )
    known = numbers[~np.isnan(numbers)]
    bins = np.full(len(numbers), -1, dtype=np.int64)
    below_top = known[known < known.max(initial=-np.inf)]
    if len(below_top) == 0:
        bins[~np.isnan(numbers)] = 0
        return bins
    # An edge at the largest value would put everything into one bin where that value is frequent.
    edges = np.minimum(np.quantile(known, np.arange(1, N_BINS) / N_BINS), below_top.max())
    bins[~np.isnan(numbers)] = np.searchsorted(np.unique(edges), known, side="left")
    return bins
