"""What all per-dimension metrics take: a code and factors of the same rows, checked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from iin_core.errors import InputError

BINS = 20
_ROUNDING = 40
"""A range of fewer steps of rounding than this is no variation (and no 20 bins fit into it)."""


def code_and_factors(
    codes: ArrayLike, factors: ArrayLike, *, dims: int = 1, n_factors: int = 1
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Code and factors as arrays of two axes; classes that are words become their position.

    The code keeps its precision: bin edges of float32 and of float64 differ by rounding.

    Args:
        codes: (n, d) finite numbers.
        factors: (n, k) or (n,), classes or numbers, none missing.
        dims: how many dimensions the metric needs.
        n_factors: how many factors the metric needs.

    Raises:
        InputError: arrays that do not match, are too small, or hold missing or non-finite values.
    """
    code = np.asarray(codes)
    code = code if code.dtype in (np.float32, np.float64) else code.astype(np.float64)
    table = _columns(factors)
    if code.ndim != 2 or len(code) != len(table) or len(code) < 2:
        raise InputError(
            f"A code of shape {code.shape} and factors of shape {table.shape} do not match.",
            where="codes, factors",
            fix="pass codes (n, d) and factors (n, k) of the same two or more rows",
        )
    if code.shape[1] < dims or table.shape[1] < n_factors:
        raise InputError(
            f"{code.shape[1]} dimensions and {table.shape[1]} factors are too few for this metric.",
            where="codes, factors",
            fix=f"it compares: pass at least {dims} dimensions and {n_factors} factors",
        )
    bad = np.flatnonzero(~np.isfinite(code).all(1) | ~np.isfinite(table).all(1))
    if len(bad):
        raise InputError(
            f"{len(bad)} rows of the code or the factors are missing or not finite.",
            where=f"rows {bad[:5].tolist()}",
            fix="leave these rows out",
        )
    return code, table


def split_code_and_factors(
    train: tuple[ArrayLike, ArrayLike],
    test: tuple[ArrayLike, ArrayLike],
    *,
    dims: int = 1,
    n_factors: int = 1,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Training and test rows, checked together so that words mean the same class in both.

    Returns:
        codes (n, d), factors (n, k), test codes (m, d), test factors (m, k).

    Raises:
        InputError: as `code_and_factors`; training and test rows of different widths.
    """
    n = len(np.asarray(train[0]))
    parts = [[np.asarray(part) for part in side] for side in (train, test)]
    if any(a.shape[1:] != b.shape[1:] for a, b in zip(*parts, strict=True)):
        shapes = " and ".join(str([part.shape for part in side]) for side in parts)
        raise InputError(
            f"Training and test rows have different widths: {shapes}.",
            where="codes, factors, test_codes, test_factors",
            fix="pass the same dimensions and factors of both",
        )
    for codes, factors in parts:
        code_and_factors(codes, factors)
    both = (np.concatenate([a, b]) for a, b in zip(*parts, strict=True))
    code, table = code_and_factors(*both, dims=dims, n_factors=n_factors)
    return code[:n], table[:n], code[n:], table[n:]


def constant_columns(table: NDArray[Any]) -> NDArray[np.bool_]:
    """(d,) where a column has one value, up to rounding."""
    low, high = table.min(0), table.max(0)
    if table.dtype.kind != "f":
        return np.asarray(low == high)
    return np.asarray(high - low <= _ROUNDING * np.spacing(np.maximum(np.abs(low), np.abs(high))))


def notes_on(codes: NDArray[Any], factors: NDArray[Any], *, classes: bool = True) -> tuple[str, ...]:
    """Sentences on what makes a score mean less than it seems: constants, and numbers taken as classes."""
    notes = [f"dimension {i} is constant: it tells nothing" for i in np.flatnonzero(constant_columns(codes))]
    for j, column in enumerate(factors.T):
        n_values = len(np.unique(column))
        if n_values == 1:
            notes.append(f"factor {j} has one value on these rows: nothing can tell it")
        elif classes and n_values > len(column) / 2:
            notes.append(f"factor {j} has {n_values} values in {len(column)} rows: bin it (quintiles) first")
    return tuple(notes)


def _columns(factors: ArrayLike) -> NDArray[Any]:
    table = np.asarray(factors)
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2:
        raise InputError(f"Factors have shape {table.shape}.", where="factors", fix="pass factors (n, k)")
    if table.dtype.kind in "biuf":
        return table.astype(np.int64) if table.dtype.kind == "b" else table
    return np.stack([_numbers(pd.Series(column)) for column in table.T], axis=1)


def _numbers(column: pd.Series) -> NDArray[np.float64]:
    column = column.infer_objects()
    if column.dtype.kind in "biuf":
        return column.to_numpy(dtype=np.float64)
    positions, _ = pd.factorize(column, sort=True)
    return np.where(positions < 0, np.nan, positions)
