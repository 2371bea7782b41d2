"""How strongly two concepts depend on each other in the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.concept_values import class_index, normal_scores
from iin_core.spec import PairSpec

BINS = 8
"""Quantile bins into which a number is sorted to be compared with other concepts."""
_EXACT = 0.01
"""The share of a concept's entropy that may be left when another is said to determine it."""
_LEAST_ROWS = 3
"""Rows a class, that have both values, below which nothing is said to be determined."""


@dataclass(frozen=True)
class Dependence:
    """Of two concepts a and b.

    Attributes:
        v: Cramér's V, corrected for chance: 0 independent, 1 one determines the other.
        a_tells, b_tells: whether a determines b, and b determines a.
    """

    a: str
    b: str
    v: float
    a_tells: bool
    b_tells: bool


def dependences(
    columns: Mapping[str, ArrayLike], specs: Mapping[str, PairSpec], source: ArrayLike
) -> list[Dependence]:
    """Every two concepts that have values.

    Args:
        columns: for each concept its values, (n,); numbers are sorted into eight bins of equal size.
        specs: for each concept its kind.
        source: (n,); chance is judged by the number of sources.
    """
    codes = concept_codes(columns, specs)
    n_sources = len(np.unique(np.asarray(source)))
    return [_of(a, b, contingency(codes[a], codes[b]), n_sources) for a, b in combinations(codes, 2)]


def concept_codes(
    columns: Mapping[str, ArrayLike], specs: Mapping[str, PairSpec]
) -> dict[str, NDArray[np.int64]]:
    """For each label its class, for each number its bin, (n,); -1 where it is missing."""
    codes = {}
    for name, spec in specs.items():
        if spec.kind == "label":
            codes[name] = class_index(columns[name])[1]
        elif spec.kind == "numeric":
            codes[name] = _bins(columns[name])
    return codes


def contingency(
    a: NDArray[np.int64], b: NDArray[np.int64], weights: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """The weight of each combination of two codes over rows that have both, (classes a, classes b)."""
    both = (a >= 0) & (b >= 0)
    n_a, n_b = int(a.max(initial=0)) + 1, int(b.max(initial=0)) + 1
    cells = a[both] * n_b + b[both]
    mass = np.bincount(cells, None if weights is None else weights[both], minlength=n_a * n_b)
    return mass.reshape(n_a, n_b).astype(np.float64)


def cramers_v(table: NDArray[np.float64], n: float) -> float:
    """Cramér's V of a contingency table, corrected for the V that n independent examples would show.

    Source: Bergsma, A bias-correction for Cramér's V and Tschuprow's T, 2013.
    """
    share = table[table.sum(1) > 0][:, table.sum(0) > 0]
    if min(share.shape, default=0) < 2 or n < 3:
        return 0.0
    share = share / share.sum()
    expected = share.sum(1, keepdims=True) * share.sum(0, keepdims=True)
    phi2 = float(((share - expected) ** 2 / expected).sum())
    rows, columns = share.shape
    phi2 = max(0.0, phi2 - (rows - 1) * (columns - 1) / (n - 1))
    least = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    return float(min(1.0, (phi2 / least) ** 0.5)) if least > 0 else 0.0


def _bins(values: ArrayLike) -> NDArray[np.int64]:
    scores: Any = normal_scores(values)
    edges = np.nanquantile(scores, np.arange(1, BINS) / BINS) if np.isfinite(scores).any() else []
    return np.where(np.isnan(scores), -1, np.searchsorted(np.unique(edges), scores, side="left"))


def _of(a: str, b: str, table: NDArray[np.float64], n_sources: int) -> Dependence:
    v = cramers_v(table, n_sources)
    if table.sum() < _LEAST_ROWS * max(table.shape):
        return Dependence(a, b, v, False, False)
    whole = table / table.sum()
    return Dependence(a, b, v, _conditional(whole) <= _EXACT, _conditional(whole.T) <= _EXACT)


def _conditional(share: NDArray[np.float64]) -> float:
    """H(column | row) / H(column); 1 where the column is constant, since that is no row's doing."""
    joint, rows, columns = (_entropy(part) for part in (share, share.sum(1), share.sum(0)))
    return (joint - rows) / columns if columns > 0 else 1.0


def _entropy(share: NDArray[np.float64]) -> float:
    present = share[share > 0]
    return float(-(present * np.log(present)).sum())
