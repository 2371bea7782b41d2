"""Which rows probes are fitted on and which they read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from iin_core.metrics.folds import MAX_FITTED, Fold, one_way, split_sources

UNREAD = -1


@dataclass(frozen=True)
class ProbeRows:
    """Rows, their sources, and the directions in which probes are fitted and read.

    Args:
        source: (n,) source of each row, as an index.
        folds: the directions.
        side: (n,) the fold that reads each row; −1 where none does.
    """

    source: NDArray[np.int64]
    folds: tuple[Fold, ...]
    side: NDArray[np.int64]

    @property
    def read(self) -> NDArray[np.int64]:
        """The rows that are read, in their order."""
        return np.flatnonzero(self.side != UNREAD)


def cross_fit(source: ArrayLike, *, seed: int, parts: int = 2) -> ProbeRows:
    """Fitted on all parts of the sources but one, read on that one, every part in turn.

    Args:
        source: (n,).
        seed: of the split.
        parts: how many; two are halves, read both ways.

    Raises:
        InputError: fewer than four sources, or than parts.
    """
    folds = split_sources(source, parts=parts, seed=seed, most=MAX_FITTED)
    codes, _ = pd.factorize(np.asarray(source))
    return ProbeRows(codes, folds, _sides(len(codes), folds))


def fitted_elsewhere(fit_source: ArrayLike, source: ArrayLike, *, seed: int) -> ProbeRows:
    """Fitted on the first rows, read on the rows behind them.

    Args:
        fit_source: (m,) sources of the rows to fit on, which come first.
        source: (n,) sources of the rows to read, behind them.
        seed: of the sources that choose an epoch.

    Raises:
        InputError: a source on both sides, or fewer than two to fit on.
    """
    together = [*np.asarray(fit_source).tolist(), *np.asarray(source).tolist()]
    codes, _ = pd.factorize(np.asarray(together))
    read = np.arange(len(np.asarray(fit_source)), len(codes))
    folds = (one_way(codes, read, seed=seed, most=2 * MAX_FITTED),)
    return ProbeRows(codes, folds, _sides(len(codes), folds))


def _sides(n: int, folds: tuple[Fold, ...]) -> NDArray[np.int64]:
    side = np.full(n, UNREAD, dtype=np.int64)
    for i, fold in enumerate(folds):
        side[fold.read] = i
    return side
