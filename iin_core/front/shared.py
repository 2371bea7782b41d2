"""What the pairs of a concept share, as far as means tell: factors of their cross-covariance.

Over pairs that share F, and only F, B = ½ E[zᵃ zᵇᵀ + zᵇ zᵃᵀ] − mean meanᵀ is the covariance of
E[z | F]. It needs no pairs at hand: with weights W, a row of them for each row of z, the factor
A = Zᵀ W gives B = A Aᵀ, and Zᵀ W is added up in one pass.

- a label: B is the covariance between the classes, W the classes' indicators over √(n · n_c);
- a number, whose pairs have normal scores (u, v) of correlation ρ: by Mehler's formula
  B = Σ_k ρᵏ h_k h_kᵀ with h_k = E[z He_k(u)] / √k!, so W holds the Hermite polynomials of u;
- a table of pairs: its rows are gathered, and their cross-covariance is taken as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from iin_core.concept_values import class_index, normal_scores
from iin_core.pairs import Pairs
from iin_core.spec import PairSpec

_MOST_COLUMNS = 256
_HERMITE = 4
_GATHERED = 2**24
"""Numbers that are gathered of each side of a table of pairs: 64 MiB."""


@dataclass(frozen=True)
class LabelWeights:
    """Indicators of the classes; of more than 256 classes, random mixtures of them.

    Attributes:
        codes: (n,), the class of each row, −1 where it has none.
        table: (C + 1, w), the weights of each class, the last row zeros.
    """

    codes: NDArray[np.int64]
    table: NDArray[np.float32]

    def at(self, start: int, stop: int) -> Tensor:
        """Weights of rows start, …, stop − 1: (stop − start, w)."""
        return torch.from_numpy(self.table[self.codes[start:stop]])


@dataclass(frozen=True)
class NumericWeights:
    """Hermite polynomials of the normal scores, (n,); NaN where a row has no value."""

    scores: NDArray[np.float32]
    rho: float

    def at(self, start: int, stop: int) -> Tensor:
        """Weights of rows start, …, stop − 1: (stop − start, 4)."""
        u, n = self.scores[start:stop].astype(np.float64), np.isfinite(self.scores).sum()
        polynomials, norm = [np.ones_like(u), u], 1.0
        columns = []
        for k in range(1, _HERMITE + 1):
            norm *= k
            columns.append(polynomials[k] * np.sqrt(self.rho**k / norm) / n)
            polynomials.append(u * polynomials[k] - k * polynomials[k - 1])
        return torch.from_numpy(np.nan_to_num(np.stack(columns, 1)).astype(np.float32))


@dataclass(frozen=True)
class GatheredPairs:
    """Row places of pairs, (P,), that share a concept, or differ in nothing else."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    differs: bool


Shared = LabelWeights | NumericWeights | GatheredPairs


def shared_by(
    columns: Mapping[str, ArrayLike], specs: Mapping[str, PairSpec], tables: Sequence[Pairs] = ()
) -> list[Shared]:
    """What the pairs of concepts share.

    Args:
        columns: for each concept its values, (n,), some of which may be missing.
        specs: for each concept how its pairs are drawn.
        tables: of pairs, as places of rows.
    """
    found: list[Shared] = []
    for name, values in columns.items():
        spec = specs[name]
        found.append(_label(values) if spec.kind == "label" else _numeric(values, spec.rho))
    for table in tables:
        a, b = np.asarray(table.a, np.int64), np.asarray(table.b, np.int64)
        found.append(GatheredPairs(a, b, table.differs is not None))
    return found


def most_pairs(n_features: int) -> int:
    """How many pairs of a table are gathered in a layer of so many features."""
    return max(256, _GATHERED // n_features)


def _label(values: ArrayLike) -> LabelWeights:
    classes, codes = class_index(values)
    counts = np.bincount(codes[codes >= 0], minlength=len(classes))
    scale = 1 / np.sqrt(np.maximum(counts, 1) * max(counts.sum(), 1))
    mixture = np.eye(len(classes))
    if len(classes) > _MOST_COLUMNS:
        shape = (len(classes), _MOST_COLUMNS)
        mixture = np.random.default_rng(0).normal(size=shape) / np.sqrt(_MOST_COLUMNS)
    table = np.concatenate((scale[:, None] * mixture, np.zeros((1, mixture.shape[1]))))
    return LabelWeights(codes, table.astype(np.float32))


def _numeric(values: ArrayLike, rho: float) -> NumericWeights:
    return NumericWeights(normal_scores(values).astype(np.float32), rho)
