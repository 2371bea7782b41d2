"""FactorVAE's score of single dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.metrics.per_dimension.inputs import code_and_factors, constant_columns, notes_on
from iin_core.metrics.per_dimension.row_samples import RowSamples, batches_holding_a_factor, checked_samples

THRESHOLD = 0.05


@dataclass(frozen=True)
class FactorVaeScore:
    """FactorVAE's score with what it was made of.

    Args:
        score: share of the test votes that the training votes' majority gives the right factor.
        train_score: the same share of the training votes.
        train_votes: (d, k) how often dimension i varied least while factor j was held.
        test_votes: (d, k) of the test batches.
        active: (d,) dimensions that took part.
        samples: the batches, to replay.
        notes: what to know beside the score.
    """

    score: float
    train_score: float
    train_votes: NDArray[np.int64]
    test_votes: NDArray[np.int64]
    active: NDArray[np.bool_]
    samples: RowSamples
    notes: tuple[str, ...]


def factor_vae_score(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    samples: RowSamples | None = None,
    threshold: float = THRESHOLD,
    seed: int = 0,
) -> FactorVaeScore:
    """FactorVAE's score: does the dimension that varies least tell which factor was held?

    Each batch of rows that hold factor j votes for (argmin_i Var_batch(z_i) / Var(z_i), j), variances
    with n − 1, ties to the first dimension. The classifier gives each dimension the factor that most
    training votes gave it (ties and dimensions without votes: the first factor); the score is its
    accuracy on the test votes. Dimensions take part whose *standard deviation* is at least
    `threshold`: the library compares √Var, whatever its setting is called. No active dimension: 0.

    Args:
        codes: (n, d).
        factors: (n, k), each value a class.
        samples: batches to replay; None draws 1,000 + 500 batches of 64 rows by
            `batches_holding_a_factor`.
        threshold: smallest standard deviation of a dimension that takes part.
        seed: of the draws.

    Raises:
        InputError: arrays or samples that do not match.

    Source: Kim and Mnih, "Disentangling by factorising" (2018), section 4; as in disentanglement_lib
        (Locatello et al., 2019).
    """
    code, table = code_and_factors(codes, factors)
    drawn = samples or batches_holding_a_factor(factors, seed=seed)
    drawn = checked_samples(drawn, table, axes=2)
    every = code if drawn.variance_rows is None else code[drawn.variance_rows]
    variance = every.var(0, ddof=1)
    active = (np.sqrt(variance) >= threshold) & ~constant_columns(every)
    notes = [*notes_on(code, table, classes=samples is None)]
    pruned = np.flatnonzero(~active & ~constant_columns(code)).tolist()
    if pruned:
        notes.append(f"dimensions {pruned} have a standard deviation below {threshold} and take no part")
    empty = np.zeros((code.shape[1], table.shape[1]), dtype=np.int64)
    if not active.any():
        return FactorVaeScore(0.0, 0.0, empty, empty, active, drawn, tuple(notes))
    train, test = empty.copy(), empty.copy()
    for votes, factor, rows in (
        (train, drawn.train_factor, drawn.train_rows),
        (test, drawn.test_factor, drawn.test_rows),
    ):
        np.add.at(votes, (_steadiest(code, rows, variance, active), factor), 1)
    decided = train.argmax(1)[:, None]
    shares = [float(np.take_along_axis(votes, decided, 1).sum() / votes.sum()) for votes in (test, train)]
    return FactorVaeScore(shares[0], shares[1], train, test, active, drawn, tuple(notes))


def _steadiest(
    code: NDArray[Any], rows: NDArray[np.int64], variance: NDArray[Any], active: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """(v,) the active dimension with the smallest relative variance in each batch."""
    relative = [code[batch].var(0, ddof=1)[active] / variance[active] for batch in rows]
    steadiest: NDArray[np.int64] = np.flatnonzero(active)[np.argmin(relative, axis=1)]
    return steadiest
