"""BetaVAE's score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.metrics.per_dimension.classifier import fitted
from iin_core.metrics.per_dimension.inputs import code_and_factors, constant_columns, notes_on
from iin_core.metrics.per_dimension.row_samples import (
    RowSamples,
    checked_samples,
    paired_batches_holding_a_factor,
)


@dataclass(frozen=True)
class BetaVaeScore:
    """BetaVAE's score with what it was made of.

    Args:
        score: accuracy on the test batches; guessing reaches 1/k.
        train_score: accuracy on the training batches.
        train_features: (v, d) mean |difference| of each training batch.
        test_features: (w, d) of the test batches.
        samples: the batches, to replay.
        notes: what to know beside the score.
    """

    score: float
    train_score: float
    train_features: NDArray[np.float64]
    test_features: NDArray[np.float64]
    samples: RowSamples
    notes: tuple[str, ...]


def beta_vae_score(
    codes: ArrayLike, factors: ArrayLike, *, samples: RowSamples | None = None, seed: int = 0
) -> BetaVaeScore:
    """BetaVAE's score: does the mean |z − z'| over pairs that share one factor tell which?

    Each batch of pairs with equal values of factor j gives one feature vector, the mean over pairs of
    |z − z'|; `LogisticRegression()` at its defaults learns j from the raw features of the training
    batches, and the score is its accuracy on the test batches. A linear map of all dimensions reads
    them, so dimensions need not match factors. A code that is constant throughout scores 0.

    Args:
        codes: (n, d).
        factors: (n, k), each value a class, at least two factors.
        samples: batches to replay; None draws 1,000 + 500 batches of 64 pairs by
            `paired_batches_holding_a_factor`.
        seed: of the draws.

    Raises:
        InputError: arrays or samples that do not match, or one factor.

    Source: Higgins et al., "beta-VAE: learning basic visual concepts" (2017), section 3; classifier as in
        disentanglement_lib (Locatello et al., 2019).
    """
    from sklearn.linear_model import LogisticRegression

    code, table = code_and_factors(codes, factors, n_factors=2)
    drawn = samples or paired_batches_holding_a_factor(factors, seed=seed)
    drawn = checked_samples(drawn, table, axes=3)
    x, test_x = (_features(code, rows) for rows in (drawn.train_rows, drawn.test_rows))
    notes = [*notes_on(code, table, classes=samples is None)]
    if constant_columns(code).all() or len(np.unique(drawn.train_factor)) < 2:
        return BetaVaeScore(0.0, 0.0, x, test_x, drawn, tuple(notes))
    model = LogisticRegression(random_state=seed)
    if not fitted(model, x, drawn.train_factor):
        notes.append("logistic regression stopped before convergence")
    score, train_score = (
        float((model.predict(features) == factor).mean())
        for features, factor in ((test_x, drawn.test_factor), (x, drawn.train_factor))
    )
    return BetaVaeScore(score, train_score, x, test_x, drawn, tuple(notes))


def _features(code: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    means = [np.abs(code[first] - code[second]).mean(0) for first, second in rows]
    return np.asarray(means, dtype=np.float64)
