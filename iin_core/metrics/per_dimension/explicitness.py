"""Explicitness of a whole code, as literature has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.metrics.per_dimension.classifier import fitted
from iin_core.metrics.per_dimension.inputs import constant_columns, notes_on, split_code_and_factors


@dataclass(frozen=True)
class Explicitness:
    """Explicitness with what it was made of.

    Args:
        score: mean over the factors that vary of their AUC on the test rows; guessing reaches 0.5.
        train_score: the same on the rows that were fitted.
        auc: (k,) on the test rows; 0 for a factor that could not be read.
        train_auc: (k,) on the rows that were fitted.
        notes: what to know beside the score.
    """

    score: float
    train_score: float
    auc: NDArray[np.float64]
    train_auc: NDArray[np.float64]
    notes: tuple[str, ...]


def explicitness(
    codes: ArrayLike, factors: ArrayLike, test_codes: ArrayLike, test_factors: ArrayLike
) -> Explicitness:
    """Explicitness = mean over factors of the macro one-vs-rest AUC of logistic regression.

    `LogisticRegression()` at its defaults on codes that are z-scored by the training rows' mean and
    deviation (divided by n). The original rescales AUC to 2(AUC − 1/2); the library does not, nor do
    we. A class that no test row has is left out of the mean. A code that is constant throughout
    scores 0.

    Args:
        codes: (n, d) of the rows to fit.
        factors: (n, k) their classes.
        test_codes: (m, d) of the rows to read.
        test_factors: (m, k) their classes.

    Raises:
        InputError: arrays that do not match.

    Source: Ridgeway and Mozer, "Learning deep disentangled embeddings with the F-statistic loss" (2018),
        section 3; classifier and scale as in disentanglement_lib (Locatello et al., 2019).
    """
    split = split_code_and_factors((codes, factors), (test_codes, test_factors))
    train, classes, test, truth = split
    notes = list(notes_on(train, classes))
    auc, train_auc = np.zeros(classes.shape[1]), np.zeros(classes.shape[1])
    varies = ~constant_columns(classes) & ~constant_columns(truth)
    live = ~constant_columns(train)
    if not live.any() or not varies.any():
        return Explicitness(0.0, 0.0, auc, train_auc, tuple(notes))
    mean, deviation = train[:, live].mean(0), train[:, live].std(0)
    x, test_x = ((part[:, live] - mean) / deviation for part in (train, test))
    for j in np.flatnonzero(varies):
        sides = ((x, classes[:, j]), (test_x, truth[:, j]))
        (train_auc[j], auc[j]), found = _auc_per_side(sides)
        notes += [f"factor {j}: {note}" for note in found]
    return Explicitness(
        float(auc[varies].mean()), float(train_auc[varies].mean()), auc, train_auc, tuple(notes)
    )


def _auc_per_side(
    sides: tuple[tuple[NDArray[Any], NDArray[Any]], ...],
) -> tuple[list[float], list[str]]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression()
    notes = [] if fitted(model, *sides[0]) else ["logistic regression stopped before convergence"]
    values = []
    for x, y in sides:
        probability = model.predict_proba(x)
        present = [i for i, value in enumerate(model.classes_) if 0 < (y == value).sum() < len(y)]
        if len(present) < len(model.classes_):
            notes.append(f"{len(model.classes_) - len(present)} of its classes are not among the test rows")
        values.append(float(np.mean([_auc(y == model.classes_[i], probability[:, i]) for i in present])))
    return values, notes


def _auc(is_class: NDArray[np.bool_], probability: NDArray[Any]) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(is_class, probability))
