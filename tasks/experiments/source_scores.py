"""Means over rows with their intervals over sources, as experiments score what they watch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from iin_core.metrics import Score
from iin_core.metrics.bootstrap import interval, source_means
from iin_core.spec import EvaluationSpec


def source_scores(
    values: NDArray[np.float64], source: NDArray[np.generic], spec: EvaluationSpec
) -> list[Score]:
    """The mean of each statistic, with its interval.

    Args:
        values: (n, m), m statistics of each row.
        source: (n,) of the rows.
        spec: `seed` and `bootstrap`.
    """
    draws = source_means(values, source, draws=spec.bootstrap, seed=spec.seed)
    ends = [interval(draws[:, i]) for i in range(values.shape[1])]
    return [
        Score(float(column.mean()), low=low, high=high, n=len(column))
        for column, (low, high) in zip(values.T, ends, strict=True)
    ]
