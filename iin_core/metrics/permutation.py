"""Is a dependence more than chance: p-values by exchanging whole sources."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from iin_core.errors import InputError
from iin_core.metrics.jackknife import jackknife_interval
from iin_core.metrics.row_pairs import matching_rows
from iin_core.metrics.score import Score

Centred = Callable[
    [NDArray[np.float64], NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64], float]
]
"""From rows (m, d) and (m, e) their U-centred matrices (m, m) and the norm of the statistic."""

PERMUTATIONS = 199
_FEWEST_ORDERS = 20


@dataclass(frozen=True)
class Dependence:
    """A measure of dependence with what it is when there is none.

    Args:
        score: the measure; chance 0, its mean under permutation as control and their 95 % quantile as
            `control_high`, interval over sources.
        p_value: share of permutations that reach it, (1 + reached) / (1 + permutations).
    """

    score: Score
    p_value: float

    @property
    def control_high(self) -> float | None:
        """The 95 % quantile of the measure under permutation."""
        return self.score.control_high


def statistic(centred: Centred, x: ArrayLike, y: ArrayLike) -> float:
    """Σ_ij U_ij V_ij / norm of two vectors (n, d) and (n, e); 0 where the norm is.

    Raises:
        InputError: fewer than four rows, or numbers of rows that differ.
    """
    return _ratio(*centred(*matching_rows(x, y)))


def dependence(
    centred: Centred,
    vectors: tuple[ArrayLike, ArrayLike],
    source: ArrayLike | None,
    *,
    permutations: int,
    seed: int,
) -> Dependence:
    """`statistic` with its permutation test and its interval, both over sources.

    Args:
        centred: its norm is one that no permutation changes.
        vectors: x (n, d) and y (n, e).
        source: (n,) source of each row; None: each row is one.
        permutations: how many; with 199 the smallest p-value is 0.005.
        seed: of the permutations and of the interval's groups.

    Raises:
        InputError: as `statistic`; too few sources with equally many rows.
    """
    x, y = matching_rows(*vectors)
    n = len(x)
    of_row = np.arange(n) if source is None else source
    u, v, norm = centred(x, y)
    observed = _ratio(u, v, norm)
    orders = permuted_rows(of_row, permutations, seed=seed)
    drawn = np.array([_ratio(u, v[np.ix_(rows, rows)], norm) for rows in orders])
    low, high = jackknife_interval(lambda rows: _ratio(*centred(x[rows], y[rows])), of_row, seed=seed)
    # Equal sums in another order differ by rounding; they count as reached.
    reached = int((drawn >= observed - 1e-12 * abs(observed)).sum())
    control, quantile = float(drawn.mean()), float(np.quantile(drawn, 0.95))
    score = Score(observed, 0.0, control, low, high, n, control_high=quantile)
    return Dependence(score, (1 + reached) / (1 + permutations))


def _ratio(u: NDArray[np.float64], v: NDArray[np.float64], norm: float) -> float:
    return float(np.vdot(u, v) / norm) if norm > 0 else 0.0


def permuted_rows(source: ArrayLike, permutations: int, *, seed: int) -> Iterator[NDArray[np.int64]]:
    """Orders of rows (n,) in which whole sources have changed places.

    Sources with equally many rows are exchanged at random, and the rows of each are shuffled. What
    rows of one source have in common stays together, so that the test counts independent examples
    and not rows. A source whose number of rows no other has stays where it is, which makes the test
    conservative.

    Raises:
        InputError: fewer than 20 different orders.
    """
    codes, names = pd.factorize(np.asarray(source))
    rows_of = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    sizes = np.bincount(codes, minlength=len(names))
    strata = [np.flatnonzero(sizes == size) for size in np.unique(sizes)]
    if sum(math.lgamma(len(stratum) + 1) for stratum in strata) < math.log(_FEWEST_ORDERS):
        raise InputError(
            f"{len(names)} sources with {sorted(set(sizes.tolist()))[:5]} rows allow too few permutations.",
            where="source",
            fix="take the same number of rows from each of at least 4 sources",
        )
    rng = np.random.default_rng(seed)
    return (_one_order(rows_of, strata, rng) for _ in range(permutations))


def _one_order(
    rows_of: list[NDArray[np.int64]], strata: list[NDArray[np.int64]], rng: np.random.Generator
) -> NDArray[np.int64]:
    order = np.empty(sum(len(rows) for rows in rows_of), dtype=np.int64)
    for stratum in strata:
        places = np.stack([rows_of[i] for i in stratum])
        order[places] = rng.permuted(places[rng.permutation(len(stratum))], axis=1)
    return order
