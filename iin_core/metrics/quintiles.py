"""Numbers as labels, for probes that read classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.errors import InputError

N_BINS = 5


def quintiles(values: ArrayLike) -> NDArray[np.int64]:
    """The fifth of the values in which each value lies, 0 to 4; ties go to one bin.

    Args:
        values: (n,) numbers; the edges are the quintiles of these values.

    Raises:
        InputError: a value is missing or not finite.
    """
    numbers = np.asarray(values, dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        raise InputError(
            f"{len(bad)} values of a numeric concept are missing or not finite.",
            where=f"rows {bad[:5].tolist()}",
            fix="drop these rows or fill the values",
        )
    below_top = numbers[numbers < numbers.max()]
    if len(below_top) == 0:
        return np.zeros(len(numbers), dtype=np.int64)
    # An edge at the largest value would put everything into one bin where that value is frequent.
    edges = np.minimum(np.quantile(numbers, np.arange(1, N_BINS) / N_BINS), below_top.max())
    return np.searchsorted(np.unique(edges), numbers, side="left").astype(np.int64)
