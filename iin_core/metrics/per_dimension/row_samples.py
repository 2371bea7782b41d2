"""Batches of rows that hold one factor: what FactorVAE and BetaVAE scores are counted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.errors import InputError
from iin_core.metrics.per_dimension.inputs import code_and_factors

BATCH = 64
N_TRAIN = 1000
N_TEST = 500


@dataclass(frozen=True)
class RowSamples:
    """Which rows were compared, so that a score can be replayed to the last digit.

    Args:
        train_factor: (v,) index of the factor that each training batch holds.
        train_rows: (v, batch) rows of the code with one value of that factor for `factor_vae_score`;
            (v, 2, batch) for `beta_vae_score`, where row i of the first and row i of the second half
            have the same value of it.
        test_factor: (w,) as `train_factor`, of the batches that the score is counted on.
        test_rows: (w, batch) or (w, 2, batch).
        variance_rows: (m,) rows that each dimension's variance is taken over, for
            `factor_vae_score`; None for all.
    """

    train_factor: NDArray[np.int64]
    train_rows: NDArray[np.int64]
    test_factor: NDArray[np.int64]
    test_rows: NDArray[np.int64]
    variance_rows: NDArray[np.int64] | None = None


def batches_holding_a_factor(
    factors: ArrayLike, *, n_train: int = N_TRAIN, n_test: int = N_TEST, batch: int = BATCH, seed: int = 0
) -> RowSamples:
    """Draw batches for `factor_vae_score`: a factor, a row, and rows that share its value.

    The factor is uniform over factors, the row over rows, and the batch is drawn with replacement
    from the rows with the row's value of the factor. A library that renders its data holds the
    factor and draws the others afresh; from a table the others follow their distribution given it.

    Args:
        factors: (n, k), each value a class.
        n_train: training batches; 1,000 here, 10,000 in the library's largest study.
        n_test: batches that the score is counted on; 500 here, 5,000 there.
        batch: rows a batch.
        seed: of the draws.
    """
    return _draw(_table(factors), (n_train, n_test), batch, seed, paired=False)


def paired_batches_holding_a_factor(
    factors: ArrayLike, *, n_train: int = N_TRAIN, n_test: int = N_TEST, batch: int = BATCH, seed: int = 0
) -> RowSamples:
    """Draw batches for `beta_vae_score`: a factor, rows, and for each another that shares its value.

    Args:
        factors: (n, k), each value a class.
        n_train: training batches; 1,000 here, 10,000 in the library's largest study.
        n_test: batches that the score is counted on; 500 here, 5,000 there.
        batch: pairs of rows a batch.
        seed: of the draws.
    """
    return _draw(_table(factors), (n_train, n_test), batch, seed, paired=True)


def checked_samples(samples: RowSamples, table: NDArray[np.generic], *, axes: int) -> RowSamples:
    """The samples with every array as int64, that fit to factors (n, k).

    Raises:
        InputError: shapes that do not fit together, or indices outside the rows or the factors.
    """
    n_rows, n_factors = table.shape
    train, test = (_indices(samples, f"{side}_rows", n_rows, axes) for side in ("train", "test"))
    factors = [_indices(samples, f"{side}_factor", n_factors, 1) for side in ("train", "test")]
    wanted = "(v, batch)" if axes == 2 else "(v, 2, batch)"
    for rows, factor in zip((train, test), factors, strict=True):
        if len(rows) != len(factor) or rows.shape[-1] < 2 or rows.shape[1:-1] != (2,) * (axes - 2):
            _refuse(f"Rows {rows.shape} and factors {factor.shape} are no batches.", "rows", wanted)
    every = None if samples.variance_rows is None else _indices(samples, "variance_rows", n_rows, 1)
    return RowSamples(factors[0], train, factors[1], test, every)


def _indices(samples: RowSamples, name: str, limit: int, axes: int) -> NDArray[np.int64]:
    values = np.asarray(getattr(samples, name))
    if values.ndim != axes or values.size == 0:
        _refuse(f"{name} has shape {values.shape}.", name, f"an array of {axes} axes")
    if values.dtype.kind not in "iu" or values.min() < 0 or values.max() >= limit:
        _refuse(f"{name} holds what is no index below {limit}.", name, "integers from 0")
    return values.astype(np.int64)


def _refuse(what: str, where: str, wanted: str) -> None:
    raise InputError(what, where=f"samples, {where}", fix=f"pass {wanted} (see RowSamples)")


def _table(factors: ArrayLike) -> NDArray[np.generic]:
    n = len(np.asarray(factors))
    return code_and_factors(np.zeros((n, 1)), factors)[1]


def _draw(
    table: NDArray[np.generic], counts: tuple[int, int], batch: int, seed: int, *, paired: bool
) -> RowSamples:
    rng = np.random.default_rng(seed)
    groups = [_RowsByValue.of(column) for column in table.T]
    parts = []
    for count in counts:
        factor = rng.integers(len(groups), size=count)
        rows = np.empty((count, 2, batch) if paired else (count, batch), dtype=np.int64)
        for i, j in enumerate(factor):
            first = rng.integers(len(table), size=batch if paired else 1)
            partners = groups[j].partners(np.resize(first, batch), rng)
            rows[i] = np.stack([first, partners]) if paired else partners
        parts += [factor, rows]
    return RowSamples(*parts)


@dataclass(frozen=True)
class _RowsByValue:
    order: NDArray[np.int64]
    start: NDArray[np.int64]
    count: NDArray[np.int64]
    group: NDArray[np.int64]

    @classmethod
    def of(cls, column: NDArray[np.generic]) -> _RowsByValue:
        _, group, count = np.unique(column, return_inverse=True, return_counts=True)
        return cls(np.argsort(group, kind="stable"), np.cumsum(count) - count, count, group)

    def partners(self, rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """For each row a uniform one with the same value, possibly itself."""
        group = self.group[rows]
        partners: NDArray[np.int64] = self.order[self.start[group] + rng.integers(self.count[group])]
        return partners
