"""Cross-fitting over sources: a probe never sees a source on both sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from iin_core.errors import InputError

VALIDATION_SHARE = 0.1


@dataclass(frozen=True)
class Fold:
    """One direction of cross-fitting; all three are row indices.

    Args:
        train: rows that the probe is fitted on, 90 % of the sources of one half.
        validation: rows that choose its epoch, the other 10 %.
        read: rows of the other half of the sources.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    read: NDArray[np.int64]

    @property
    def fit(self) -> NDArray[np.int64]:
        """Train and validation rows together, for probes that choose no epoch."""
        return np.sort(np.concatenate([self.train, self.validation]))


def half_split(source: ArrayLike, *, seed: int = 0) -> tuple[Fold, Fold]:
    """Both directions over a fixed half split of the sources.

    Raises:
        InputError: fewer than four sources.
    """
    codes, names = pd.factorize(np.asarray(source))
    n_sources = len(names)
    if n_sources < 4:
        raise InputError(
            f"Probes need at least 4 sources, but the rows come from {n_sources}.",
            where="source",
            fix="give more held-out sources, or name a source column with one value an example",
        )
    order = np.random.default_rng(seed).permutation(n_sources)
    halves = (order[: n_sources // 2], order[n_sources // 2 :])
    rows = [np.flatnonzero(np.isin(codes, half)) for half in halves]
    chosen = [half[: max(1, round(len(half) * VALIDATION_SHARE))] for half in halves]
    validation = [np.flatnonzero(np.isin(codes, part)) for part in chosen]
    train = [np.setdiff1d(all_rows, held) for all_rows, held in zip(rows, validation, strict=True)]
    return Fold(train[0], validation[0], rows[1]), Fold(train[1], validation[1], rows[0])


def shuffle_over_sources(labels: NDArray[np.int64], source: ArrayLike, *, seed: int) -> NDArray[np.int64]:
    """Labels that know nothing of the codes but keep their dependence inside a source.

    Each source gets the labels of another source, in random order (repeated or cut to its own
    number of rows). A label that is constant within a source stays constant, so the control has
    the same number of independent examples as the real labels; a label that varies within a source
    is also shuffled inside it, since a fixed order over rows would survive the exchange of sources.
    """
    rng = np.random.default_rng(seed)
    codes, names = pd.factorize(np.asarray(source))
    rows_of = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    order = rng.permutation(len(names))
    donor_of = np.empty_like(order)
    donor_of[order] = np.roll(order, 1)
    shuffled = np.empty_like(labels)
    for rows, donor in zip(rows_of, donor_of, strict=True):
        shuffled[rows] = np.resize(rng.permutation(labels[rows_of[donor]]), len(rows))
    return shuffled
