"""Whether the columns of a table can serve as concepts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from iin_core.concept_values import as_numbers, is_missing
from iin_core.errors import InputError, nearest
from iin_core.rows import listed
from iin_core.spec import PairSpec

MAX_LABELS = 1000
"""A label concept with more values than this is taken for a number by mistake."""
FEW_LABELS = 20
"""Up to so many different numbers are taken for labels without a question."""


def check_concepts(table: pd.DataFrame, factors: Mapping[str, PairSpec]) -> None:
    """Check that each concept's column can serve it.

    Args:
        table: one row for each example; its column `source`, where there is one, tells examples apart.
        factors: concept → its kind and column.

    Raises:
        InputError: a column that is missing, is empty, is constant, or does not suit the kind.
    """
    source = table["source"] if "source" in table else pd.Series(range(len(table)))
    for name, spec in factors.items():
        if spec.kind == "label":
            check_label(concept_column(table, name, spec), source, name)
        elif spec.kind == "numeric":
            check_numeric(concept_column(table, name, spec), name)
    check_given(factors)


def check_given(factors: Mapping[str, PairSpec]) -> None:
    """Check from what concepts are said to be drawn apart.

    Raises:
        InputError: from something that is no other concept with values.
    """
    valued = [name for name, spec in factors.items() if spec.kind != "pairs"]
    for name in valued:
        for other in factors[name].given or ():
            if other not in valued or other == name:
                raise InputError(
                    f"The concept {name!r} is given {other!r}, which is no other concept with values.",
                    where=f"given of {name!r}",
                    fix=f"nearest: {nearest(other, [known for known in valued if known != name])}",
                )


def columns_of(table: pd.DataFrame, factors: Mapping[str, PairSpec]) -> dict[str, np.ndarray]:
    """For each concept with values its column, (n,)."""
    return {
        name: np.asarray(concept_column(table, name, spec))
        for name, spec in factors.items()
        if spec.kind != "pairs"
    }


def sources_of(table: pd.DataFrame) -> np.ndarray:
    """The source of each row, (n,); each row is its own where the table does not say."""
    return np.asarray(table["source"]) if "source" in table else np.arange(len(table))


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
            where=f"the table's columns: {listed(columns, 20)}",
            fix=f"nearest: {nearest(wanted, columns)}",
        )
    return table[wanted]


def check_label(column: pd.Series, source: pd.Series, name: str) -> None:
    """Check a column of labels; rows without one are left out.

    Args:
        column, source: (n,).
        name: of the concept.

    Raises:
        InputError: no values, one value only, values that no file of an interpreter could hold, a
            value seen in a single source (no pair can be made of it), or so many values that it is
            a number.
    """
    present = _present(column, name)
    where = f"column {column.name!r}"
    _check_plain(present, name, where)
    n_values = int(present.nunique())
    numbers = pd.api.types.is_numeric_dtype(present) and not pd.api.types.is_bool_dtype(present)
    as_number = f"declare it a number: {{{name}: numeric}}, in `fit` specs={{{name!r}: 'numeric'}}"
    if numbers and n_values > max(FEW_LABELS, len(present) // 2):
        raise InputError(
            f"The concept {name!r} is declared a label, but {n_values} of {len(present)} values differ.",
            where=where,
            fix=as_number,
        )
    if n_values > MAX_LABELS:
        raise InputError(
            f"The concept {name!r} has {n_values} label values; at most {MAX_LABELS} are supported.",
            where=where,
            fix=as_number if numbers else "use a coarser label",
        )
    sources_of_value = source[present.index].groupby(present.to_numpy(), sort=True).nunique()
    lonely = sources_of_value.index[sources_of_value < 2].tolist()
    if lonely:
        raise InputError(
            f"The concept {name!r} has label values that only one source example shows: {len(lonely)}.",
            where=f"{where}: {listed(lonely)}",
            fix="drop these rows, empty these cells or merge the values: a pair needs two sources of a value",
        )


def check_numeric(column: pd.Series, name: str) -> None:
    """Check a column of numbers; rows without one are left out.

    Args:
        column: (n,).
        name: of the concept.

    Raises:
        InputError: not numbers, or infinite, constant or all missing.
    """
    where = f"column {column.name!r}"
    numbers = pd.to_numeric(column, errors="coerce")
    bad = np.flatnonzero((numbers.isna() & column.notna()).to_numpy())
    present = column[~is_missing(column)].infer_objects()
    if len(bad) or (len(present) and not pd.api.types.is_numeric_dtype(present)):
        example = f", such as {column.iloc[int(bad[0])]!r} in row {int(bad[0])}" if len(bad) else ""
        raise InputError(
            f"The concept {name!r} is declared numeric, but its column holds {column.dtype}{example}.",
            where=where,
            fix=f"convert the column to numbers, or declare {{{name}: label}}",
        )
    infinite = np.flatnonzero(np.isinf(as_numbers(column)))
    if len(infinite):
        raise InputError(
            f"The concept {name!r} is infinite in {len(infinite)} rows.",
            where=f"{where}, rows {listed(infinite.tolist())}",
            fix="replace or drop these rows",
        )
    _present(column, name)


def _present(column: pd.Series, name: str) -> pd.Series:
    present = column[~is_missing(column)].infer_objects()
    if not len(present):
        raise InputError(
            f"The concept {name!r} has no value in any row.",
            where=f"column {column.name!r}",
            fix="give values to at least some rows; those without any train the residual alone",
        )
    if present.nunique() < 2:
        value = listed(present.iloc[:1].tolist())
        raise InputError(
            f"The concept {name!r} is constant: every row is {value}.",
            where=f"column {column.name!r}",
            fix="use a column with at least two values",
        )
    return present


def _check_plain(present: pd.Series, name: str, where: str) -> None:
    kinds = (str, bool, int, float, np.bool_, np.integer, np.floating)
    odd = next((value for value in present.unique() if not isinstance(value, kinds)), None)
    if odd is not None:
        raise InputError(
            f"The concept {name!r} has labels of the type {type(odd).__name__}, such as {odd!r}.",
            where=where,
            fix="make them text or whole numbers, with .astype(str) for instance",
        )
