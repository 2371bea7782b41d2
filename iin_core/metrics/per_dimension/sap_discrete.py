"""SAP of classes: how far one dimension stands out by what a linear classifier reads from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.metrics.per_dimension.classifier import fitted
from iin_core.metrics.per_dimension.inputs import constant_columns, notes_on, split_code_and_factors


@dataclass(frozen=True)
class SapDiscrete:
    """SAP with what it was made of.

    Args:
        score: mean of `gaps` over the factors that vary.
        gaps: (k,) best minus second best dimension.
        scores: (d, k) accuracies on the test rows; that of a constant dimension is guessing.
        notes: what to know beside the score.
    """

    score: float
    gaps: NDArray[np.float64]
    scores: NDArray[np.float64]
    notes: tuple[str, ...]


def sap_discrete(
    codes: ArrayLike, factors: ArrayLike, test_codes: ArrayLike, test_factors: ArrayLike
) -> SapDiscrete:
    """Per-dimension SAP of classes = mean over factors of (S_(1)k − S_(2)k).

    S_ik is the test accuracy of `LinearSVC(C=0.01, class_weight="balanced")` fitted to the raw
    dimension i alone. Raw: the penalty acts on the weight, so the scale of a dimension matters.
    The classifier is one-vs-rest and linear on one number, so it cannot single out a middle class:
    even a factor's own value gets less than 1 with three classes or more.

    Args:
        codes: (n, d) of the rows to fit, at least two dimensions.
        factors: (n, k) their classes.
        test_codes: (m, d) of the rows to read.
        test_factors: (m, k) their classes.

    Raises:
        InputError: arrays that do not match, or one dimension.

    Source: Kumar et al., "Variational inference of disentangled latent concepts from unlabeled
        observations" (2018), section 3; classifier as in disentanglement_lib (Locatello et al., 2019).
    """
    split = split_code_and_factors((codes, factors), (test_codes, test_factors), dims=2)
    train, classes, test, truth = split
    scores = np.zeros((train.shape[1], classes.shape[1]))
    notes = list(notes_on(train, classes))
    varies = ~constant_columns(classes)
    for j in np.flatnonzero(varies):
        found = [_accuracy(train[:, i], classes[:, j], test[:, i], truth[:, j]) for i in range(len(scores))]
        scores[:, j] = [accuracy for accuracy, _ in found]
        short = [i for i, (_, converged) in enumerate(found) if not converged]
        if short:
            notes.append(f"factor {j}: the classifiers of dimensions {short} stopped before convergence")
    ordered = np.sort(scores, axis=0)
    gaps = ordered[-1] - ordered[-2]
    score = float(gaps[varies].mean()) if varies.any() else 0.0
    return SapDiscrete(score, gaps, scores, tuple(notes))


def _accuracy(
    x: NDArray[Any], y: NDArray[Any], test_x: NDArray[Any], test_y: NDArray[Any]
) -> tuple[float, bool]:
    from sklearn.svm import LinearSVC

    model = LinearSVC(C=0.01, class_weight="balanced", random_state=0)
    converged = fitted(model, x[:, None], y)
    return float((model.predict(test_x[:, None]) == test_y).mean()), converged
