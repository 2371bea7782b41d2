"""Interventional robustness of single dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.metrics.per_dimension.discretise import discretise
from iin_core.metrics.per_dimension.inputs import BINS, code_and_factors, constant_columns, notes_on


@dataclass(frozen=True)
class Irs:
    """IRS with what it was made of.

    Args:
        score: mean of `per_dimension` weighted by `max_deviations`.
        per_dimension: (d,) largest entry of each row of `robustness`; 0 for a constant dimension.
        robustness: (d, k) 1 − relative deviation of dimension i while factor j is held.
        parents: (d,) the factor whose holding moves the dimension least; −1 for a constant one.
        max_deviations: (d,) largest |z_i − mean z_i|.
        notes: what to know beside the score.
    """

    score: float
    per_dimension: NDArray[np.float64]
    robustness: NDArray[np.float64]
    parents: NDArray[np.int64]
    max_deviations: NDArray[np.float64]
    notes: tuple[str, ...]


def irs(codes: ArrayLike, factors: ArrayLike, *, quantile: float = 0.99, bins: int = BINS) -> Irs:
    """IRS = Σ_i w_i max_j R_ij / Σ_i w_i over the dimensions that vary.

    R_ij = 1 − (mean over values v of factor j of Q(|z_i − E[z_i | v]| over rows with v)) / w_i, with the
    quantile Q (0.99; 1 in the paper) and w_i = max |z_i − E z_i| over all rows. Factors are binned
    first; bins without rows do not count. All of it is deviations, nothing is asked about what is
    told: ten thousand rows of normal noise score 0.33, because the 0.99 quantile is so much smaller
    than the maximum. Never show it without explicitness.

    Args:
        codes: (n, d).
        factors: (n, k) numbers.
        quantile: of the deviations while a factor is held.
        bins: of each factor; 20 in the library's studies.

    Raises:
        InputError: arrays that do not match.

    Source: Suter et al., "Robustly disentangled causal mechanisms" (2019), section 4; quantile, bins and
        weights as in disentanglement_lib (Locatello et al., 2019).
    """
    code, table = code_and_factors(codes, factors)
    notes = notes_on(code, table, classes=False)
    n_dims, n_factors = code.shape[1], table.shape[1]
    live = ~constant_columns(code)
    robustness, largest = np.zeros((n_dims, n_factors)), np.zeros(n_dims)
    parents = np.full(n_dims, -1, dtype=np.int64)
    if live.any():
        # In the code's own precision and order, as the library: float32 sums differ in the eighth digit.
        active = code.T[live].T
        largest[live] = np.abs(active - active.mean(0)).max(0)
        held = np.stack([_deviation(active, bin_, quantile) for bin_ in discretise(table, bins).T], axis=1)
        robustness[live] = 1 - held / largest[live, None]
        parents[live] = robustness[live].argmax(1)
    per_dimension = robustness.max(1)
    score = float(np.average(per_dimension[live], weights=largest[live])) if live.any() else 0.0
    return Irs(score, per_dimension, robustness, parents, largest, notes)


def _deviation(code: NDArray[Any], value: NDArray[np.int64], quantile: float) -> NDArray[np.float64]:
    """(d,) mean over values of the quantile of |z − mean| among the rows of that value."""
    groups = [code[value == v] for v in np.unique(value)]
    deviations = [np.percentile(np.abs(group - group.mean(0)), quantile * 100, axis=0) for group in groups]
    return np.asarray(np.mean(deviations, axis=0, dtype=np.float64))
