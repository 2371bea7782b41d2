"""Rows: their split by source example, and whether a column can serve as a concept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from iin_core.errors import InputError, nearest
from iin_core.spec import PairSpec

SPLITS = ("train", "validation", "heldout")
MAX_LABELS = 1000
"""A label concept with more values than this is taken for a number by mistake."""
SHOWN = 5


def assign_splits(source: ArrayLike, *, shares: tuple[float, float, float], seed: int) -> NDArray[np.str_]:
    """Assign each row to train, validation or heldout by its source example.

    The side of a source depends on the set of sources and the seed alone, not on the order of the
    rows or on whether sources are int32, int64 or text of the same digits.

    Args:
        source: (n,), the source example of each row.
        shares: of the sources: train, validation, heldout.
        seed: of the assignment.

    Returns:
        (n,) of ``"train"``, ``"validation"``, ``"heldout"``.

    Raises:
        InputError: a missing source, or fewer than two sources on a side (pairs and cross-fit
            probes need two).
    """
    texts = source_texts(source)
    unique, inverse = np.unique(texts, return_inverse=True)
    ranked = np.argsort([hashlib.sha256(f"{seed}:{text}".encode()).hexdigest() for text in unique])
    n_train = round(shares[0] * len(unique))
    n_validation = round(shares[1] * len(unique))
    sizes = (n_train, n_validation, len(unique) - n_train - n_validation)
    if min(sizes) < 2:
        raise InputError(
            f"{len(unique)} source examples are too few: the split gives {', '.join(map(str, sizes))} "
            f"of them to {', '.join(SPLITS)}.",
            where="the sources of the rows",
            fix="use more source examples or other shares; each side needs at least two",
        )
    side = np.empty(len(unique), dtype=f"<U{max(map(len, SPLITS))}")
    side[ranked] = np.repeat(SPLITS, sizes)
    return side[inverse]


def check_splits(source: ArrayLike, split: ArrayLike) -> None:
    """Check a split that came with the data.

    Args:
        source, split: (n,).

    Raises:
        InputError: a value that is no split, a source on two sides, or a side with fewer than two
            sources.
    """
    texts, sides = source_texts(source), np.asarray(split).astype(str)
    unknown = sorted(set(sides.tolist()) - set(SPLITS))
    if unknown:
        raise InputError(
            f"The split column holds {_listed(unknown)}.",
            where=f"first in row {int(np.flatnonzero(sides == unknown[0])[0])}",
            fix=f"each row is one of {', '.join(SPLITS)}",
        )
    pairs = pd.DataFrame({"source": texts, "side": sides}).drop_duplicates()
    leaking = sorted(pairs["source"][pairs["source"].duplicated()].unique().tolist())
    if leaking:
        raise InputError(
            f"The split leaks: {len(leaking)} sources have rows on more than one side.",
            where=f"sources {_listed(leaking)}",
            fix="put every row of a source on one side, or drop the column and let the study split",
        )
    for side in SPLITS:
        n_sources = int((pairs["side"] == side).sum())
        if n_sources < 2:
            raise InputError(
                f"The split gives {n_sources} sources to {side}.",
                where="the split column",
                fix="give every side at least two sources",
            )


def source_texts(source: ArrayLike) -> NDArray[np.str_]:
    """The sources as text, the same for 3, 3.0 and "3".

    Args:
        source: (n,).

    Raises:
        InputError: a source is missing.
    """
    values = np.asarray(source)
    missing = np.flatnonzero(pd.isna(values))
    if len(missing):
        raise InputError(
            f"{len(missing)} rows have no source.",
            where=f"rows {_listed(missing.tolist())}",
            fix="name the source example of every row, or leave the column out if each row is its own",
        )
    if values.dtype.kind == "f" and bool((values == np.floor(values)).all()):
        values = values.astype(np.int64)
    return values.astype(str)


def check_concepts(table: pd.DataFrame, factors: Mapping[str, PairSpec]) -> None:
    """Check that each concept's column can serve it.

    Args:
        table: one row for each example; its column `source`, where there is one, tells examples apart.
        factors: concept → its kind and column.

    Raises:
        InputError: a column that is missing, has missing values, is constant, or does not suit the kind.
    """
    for name, spec in factors.items():
        column = concept_column(table, name, spec)
        source = table["source"] if "source" in table else pd.Series(range(len(table)))
        if spec.kind == "label":
            check_label(column, source, name)
        else:
            check_numeric(column, name)


def concept_column(table: pd.DataFrame, name: str, spec: PairSpec) -> pd.Series:
    """The column of a concept.

    Raises:
        InputError: there is none.
    """
    wanted = spec.column or name
    if wanted not in table:
        columns = [str(column) for column in table.columns]
        raise InputError(
            f"The data has no column {wanted!r} for the concept {name!r}.",
            where=f"the table's columns: {_listed(columns, 20)}",
            fix=f"nearest: {nearest(wanted, columns)}",
        )
    return table[wanted]


def check_label(column: pd.Series, source: pd.Series, name: str) -> None:
    """Check a column of labels.

    Args:
        column, source: (n,).
        name: of the concept.

    Raises:
        InputError: missing values, one value only, a value seen in a single source (no pair can be
            made of it), or so many values that it is a number.
    """
    _check_present(column, name)
    where = f"column {column.name!r}"
    n_values = int(column.nunique())
    if pd.api.types.is_float_dtype(column) and n_values > max(20, len(column) // 2):
        raise InputError(
            f"The concept {name!r} is declared a label, but {n_values} of {len(column)} values differ.",
            where=where,
            fix=f"declare it a number: {{{name}: numeric}}",
        )
    if n_values > MAX_LABELS:
        raise InputError(
            f"The concept {name!r} has {n_values} label values; at most {MAX_LABELS} are supported.",
            where=where,
            fix=f"use a coarser label, or {{{name}: numeric}} if it is a number",
        )
    sources_of_value = source.groupby(column.to_numpy(), sort=True).nunique()
    lonely = sources_of_value.index[sources_of_value < 2].tolist()
    if lonely:
        raise InputError(
            f"The concept {name!r} has {len(lonely)} values that only one source example shows.",
            where=f"{where}: {_listed(lonely)}",
            fix="drop these rows or merge the values: a pair needs two sources with the same value",
        )


def check_numeric(column: pd.Series, name: str) -> None:
    """Check a column of numbers.

    Args:
        column: (n,).
        name: of the concept.

    Raises:
        InputError: not numbers, or missing, infinite or constant.
    """
    where = f"column {column.name!r}"
    if not pd.api.types.is_numeric_dtype(column):
        numbers = pd.to_numeric(column, errors="coerce")
        bad = np.flatnonzero((numbers.isna() & column.notna()).to_numpy())
        example = f", such as {column.iloc[int(bad[0])]!r} in row {int(bad[0])}" if len(bad) else ""
        raise InputError(
            f"The concept {name!r} is declared numeric, but its column holds {column.dtype}{example}.",
            where=where,
            fix=f"convert the column to numbers, or declare {{{name}: label}}",
        )
    infinite = np.flatnonzero(np.isinf(column.to_numpy(dtype=np.float64, na_value=np.nan)))
    if len(infinite):
        raise InputError(
            f"The concept {name!r} is infinite in {len(infinite)} rows.",
            where=f"{where}, rows {_listed(infinite.tolist())}",
            fix="replace or drop these rows",
        )
    _check_present(column, name)


def _check_present(column: pd.Series, name: str) -> None:
    missing = np.flatnonzero(column.isna().to_numpy())
    if len(missing):
        raise InputError(
            f"The concept {name!r} has no value in {len(missing)} rows.",
            where=f"column {column.name!r}, rows {_listed(missing.tolist())}",
            fix="drop these rows from the data, or give them values",
        )
    if column.nunique() < 2:
        value = _listed(column.iloc[:1].tolist())
        raise InputError(
            f"The concept {name!r} is constant: every row is {value}.",
            where=f"column {column.name!r}",
            fix="use a column with at least two values",
        )


def _listed(values: list[Any], n: int = SHOWN) -> str:
    shown = ", ".join(repr(value) if isinstance(value, str) else str(value) for value in values[:n])
    return shown if len(values) <= n else f"{shown} and {len(values) - n} more"
