"""Cross-fitting over sources: a probe never sees a source on both sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from iin_core.errors import InputError

VALIDATION_SHARE = 0.1
MAX_FITTED = 5000
"""A probe is fitted on at most so many rows a direction, drawn from all; it reads every row."""


@dataclass(frozen=True)
class Fold:
    """One direction of cross-fitting; all three are row indices.

    Args:
        train: rows that the probe is fitted on, 90 % of the sources of all parts but one.
        validation: rows that choose its epoch, the other 10 %.
        read: rows of the part that is left.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    read: NDArray[np.int64]

    @property
    def fit(self) -> NDArray[np.int64]:
        """Train and validation rows together, for probes that choose no epoch."""
        return np.sort(np.concatenate([self.train, self.validation]))


def split_sources(
    source: ArrayLike, *, parts: int = 2, seed: int = 0, most: int | None = None
) -> tuple[Fold, ...]:
    """A direction for each of the parts into which the sources are split: it reads that part alone.

    Args:
        source: (n,).
        parts: how many; with two a direction is fitted on the half that the other one reads.
        seed: of the split.
        most: rows to fit on in each direction, train and validation together; None takes all.

    Raises:
        InputError: fewer than four sources, or than parts.
    """
    codes, names = pd.factorize(np.asarray(source))
    n_sources = len(names)
    if n_sources < max(4, parts):
        raise InputError(
            f"Probes need at least {max(4, parts)} sources, but the rows come from {n_sources}.",
            where="source",
            fix="give more held-out sources, or name a source column with one value an example",
        )
    rng = np.random.default_rng(seed)
    read = np.split(rng.permutation(n_sources), [n_sources * i // parts for i in range(1, parts)])[::-1]
    folds = []
    for i, part in enumerate(read):
        fitted = np.concatenate(read[:i] + read[i + 1 :])
        rows = np.flatnonzero(np.isin(codes, part))
        folds.append(Fold(*_validated(codes, fitted, rng, most), rows))
    return tuple(folds)


def one_way(source: ArrayLike, read: NDArray[np.int64], *, seed: int = 0, most: int | None = None) -> Fold:
    """Fitted on all rows but `read`, a tenth of their sources for validation, and read on `read`.

    Args:
        source: (n,).
        read: rows to read.
        seed: of the validation sources.
        most: as for `split_sources`.

    Raises:
        InputError: fewer than two sources to fit on, or a source on both sides.
    """
    codes, _ = pd.factorize(np.asarray(source))
    fitted = np.setdiff1d(np.arange(len(codes)), read)
    shared = np.intersect1d(codes[fitted], codes[read])
    sources = np.unique(codes[fitted])
    if len(shared) or len(sources) < 2:
        raise InputError(
            f"Of {len(sources)} sources to fit probes on, {len(shared)} have rows that are read, too.",
            where="fit_on",
            fix="fit on the rows of two or more sources, and read rows of others",
        )
    rng = np.random.default_rng(seed)
    return Fold(*_validated(codes, rng.permutation(sources), rng, most), read)


def _validated(
    codes: NDArray[np.int64], sources: NDArray[np.int64], rng: np.random.Generator, most: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to fit on and rows to choose the epoch on: those of the first tenth of the sources."""
    n_chosen = max(1, round(len(sources) * VALIDATION_SHARE))
    validation = np.flatnonzero(np.isin(codes, sources[:n_chosen]))
    train = np.flatnonzero(np.isin(codes, sources[n_chosen:]))
    share = 1.0 if most is None else min(1.0, most / (len(train) + len(validation)))
    return _thinned(train, share, rng), _thinned(validation, share, rng)


def _thinned(rows: NDArray[np.int64], share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    if share == 1.0:
        return rows
    return np.sort(rng.permutation(rows)[: max(1, round(share * len(rows)))])


def shuffle_over_sources(labels: NDArray[np.int64], source: ArrayLike, *, seed: int) -> NDArray[np.int64]:
    """Labels that know nothing of the codes but keep their dependence inside a source.

    Each source gets the labels of another source, in random order (repeated or cut to its own
    number of rows). A label that is constant within a source stays constant, so the control has
    the same number of independent examples as the real labels; a label that varies within a source
    is also shuffled inside it, since a fixed order over rows would survive the exchange of sources.
    Rows without a label (−1) stay so.
    """
    known = np.flatnonzero(labels >= 0)
    codes, _ = pd.factorize(np.asarray(source)[known])
    shuffled = labels.copy()
    shuffled[known] = labels[known][rows_of_others(codes, np.random.default_rng(seed))]
    return shuffled


def rows_of_others(codes: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """For each row a row of the one other source that its source is given, in random order.

    Args:
        codes: (n,) source of each row as an index from 0.
        rng: of the exchange.
    """
    sizes = np.bincount(codes)
    starts = np.cumsum(sizes) - sizes
    by_source = np.argsort(codes, kind="stable")
    place = np.empty_like(by_source)
    place[by_source] = np.arange(len(codes)) - starts[codes[by_source]]
    within = np.argsort(codes + rng.random(len(codes)))
    order = rng.permutation(len(sizes))
    donor_of = np.empty_like(order)
    donor_of[order] = np.roll(order, 1)
    donor = donor_of[codes]
    return within[starts[donor] + place % sizes[donor]]
