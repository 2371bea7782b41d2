"""Disentanglement, completeness, informativeness of single dimensions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.metrics.per_dimension.inputs import constant_columns, notes_on, split_code_and_factors

_OFFSET = 1e-11
"""Added to every importance before its entropy is taken, as the library does."""


@dataclass(frozen=True)
class Dci:
    """DCI with what it was made of.

    Args:
        disentanglement: each dimension matters to one factor only.
        completeness: each factor is told by one dimension only.
        informativeness: mean accuracy over factors on the test rows.
        train_informativeness: the same on the rows that were fitted.
        importance: (d, k), each column the importances of one factor's trees, summing to 1.
        notes: what to know beside the score.
    """

    disentanglement: float
    completeness: float
    informativeness: float
    train_informativeness: float
    importance: NDArray[np.float64]
    notes: tuple[str, ...]

    @property
    def score(self) -> float:
        """The disentanglement, which is what tables of literature call DCI."""
        return self.disentanglement


def dci(
    codes: ArrayLike, factors: ArrayLike, test_codes: ArrayLike, test_factors: ArrayLike, *, seed: int = 0
) -> Dci:
    """Per-dimension DCI from the importances R (d, k) of `GradientBoostingClassifier()` at its defaults.

    One classifier a factor, fitted to the whole code. With p = R + 1e-11, normalised where it is used:

    - disentanglement = Σ_i w_i (1 − H_k(p_i·)), H with base k over factors, w_i = Σ_k R_ik / Σ R;
    - completeness = Σ_k w_k (1 − H_d(p_·k)), H with base d over dimensions, w_k = Σ_i R_ik / Σ R;
    - informativeness = mean over factors of the accuracy on the test rows.

    Costs about n · d · classes · 100 trees: the slowest metric of this folder.

    Args:
        codes: (n, d) of the rows to fit, at least two dimensions.
        factors: (n, k) their classes, at least two factors.
        test_codes: (m, d) of the rows to read.
        test_factors: (m, k) their classes.
        seed: of the trees, which draw the order in which they look at dimensions.

    Raises:
        InputError: arrays that do not match, one dimension, or one factor.

    Source: Eastwood and Williams, "A framework for the quantitative evaluation of disentangled
        representations" (2018), section 2; settings as in disentanglement_lib (Locatello et al., 2019).
    """
    from sklearn.ensemble import GradientBoostingClassifier

    split = split_code_and_factors((codes, factors), (test_codes, test_factors), dims=2, n_factors=2)
    train, classes, test, truth = split
    importance = np.zeros((train.shape[1], classes.shape[1]))
    right = np.zeros((2, classes.shape[1]))
    varies = ~constant_columns(classes)
    live = ~constant_columns(train)
    for j in np.flatnonzero(varies) if live.any() else []:
        model = GradientBoostingClassifier(random_state=seed).fit(train, classes[:, j])
        importance[:, j] = np.abs(model.feature_importances_)
        for side, (x, y) in enumerate(((train, classes), (test, truth))):
            right[side, j] = (model.predict(x) == y[:, j]).mean()
    accuracy = right[:, varies].mean(1) if varies.any() else np.zeros(2)
    return Dci(
        disentanglement=_concentration(importance),
        completeness=_concentration(importance.T),
        informativeness=float(accuracy[1]),
        train_informativeness=float(accuracy[0]),
        importance=importance,
        notes=notes_on(train, classes),
    )


def _concentration(importance: NDArray[np.float64]) -> float:
    """Mean over rows, weighted by their sums, of 1 − entropy of the row in units of its largest."""
    total = importance.sum()
    if total == 0:
        return 0.0
    shares = importance + _OFFSET
    shares = shares / shares.sum(1, keepdims=True)
    entropies = -(shares * np.log(shares)).sum(1) / np.log(importance.shape[1])
    return float(((1 - entropies) * importance.sum(1)).sum() / total)
