"""Tables of pairs: rows that share a concept, or share everything but one.

They come from a CSV or Parquet file, or from the data itself, see `tasks.sources.concepts.told_pairs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from iin_core.errors import InputError, nearest
from iin_core.pair_checks import check_pairs
from iin_core.pairs import Pairs
from iin_core.rows import listed, source_texts
from iin_core.spec import PairSpec
from tasks.sealed import file_sha256
from tasks.sources.concepts.told_pairs import told_pairs

READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": pd.read_csv,
    ".parquet": pd.read_parquet,
    ".pq": pd.read_parquet,
}
COLUMNS = ("a", "b", "shares", "differs", "rho")
BETWEEN_NAMES = "/"
"""Stands between the names of several concepts; no name of a concept holds it."""


def read_pairs(name: str, spec: PairSpec, folder: Path, table: pd.DataFrame) -> pd.DataFrame:
    """The pairs of a concept as rows of the data's table.

    Args:
        name: of the concept.
        spec: its file, the column that a and b name, and the correlation where the file has none.
        folder: of the study.
        table: of the data, in its order.

    Returns:
        Columns a, b (row numbers), shares, differs (names with slashes between them, one of the two
        empty) and rho, one line for each line of the file.

    Raises:
        InputError: no such file, or one that is no table of pairs of these rows.
    """
    if spec.file is None:
        return told_pairs(name, spec, table)
    path = pair_file(spec, folder)
    found = _read(path)
    where = f"{spec.file}"
    _check_columns(found, spec)
    if found.empty:
        raise InputError(f"The table of pairs {spec.file!r} is empty.", where=where, fix="give it pairs")
    sides = {side: _rows_of(found[side], spec, table, f"{where}, column {side!r}") for side in ("a", "b")}
    shares, differs = (_names(found, column) for column in ("shares", "differs"))
    shares = shares.where((shares != "") | (differs != ""), name)
    rho = found["rho"] if "rho" in found else pd.Series(np.nan, found.index)
    if not pd.api.types.is_numeric_dtype(rho):
        raise InputError("The column 'rho' does not hold numbers.", where=where, fix="give numbers in (0, 1)")
    return pd.DataFrame({**sides, "shares": shares, "differs": differs, "rho": rho.fillna(spec.rho)})


def pair_file(spec: PairSpec, folder: Path) -> Path:
    """Where the file of a table of pairs lies.

    Raises:
        InputError: nowhere.
    """
    path = folder / str(spec.file)
    if not path.is_file():
        near = [entry.name for entry in folder.iterdir() if entry.suffix in READERS]
        raise InputError(
            f"There is no file {spec.file!r}.",
            where=str(path),
            fix=f"paths start at the folder of the study; nearest: {nearest(path.name, near)}",
        )
    if path.suffix not in READERS:
        raise InputError(
            f"The table of pairs {spec.file!r} is neither CSV nor Parquet.",
            where=str(path),
            fix=f"give a file that ends in one of {', '.join(READERS)}",
        )
    return path


def fingerprint(spec: PairSpec, folder: Path) -> str:
    """What the pairs depend on besides the rows: the file's content.

    Raises:
        InputError: no such file.
    """
    return file_sha256(pair_file(spec, folder))


def as_tables(pairs: pd.DataFrame) -> list[Pairs]:
    """Lines as `read_pairs` gives them, gathered by what they share or differ in."""
    tables = []
    for (shares, differs), lines in pairs.groupby(["shares", "differs"], sort=False):
        tables.append(
            Pairs(
                lines["a"].to_numpy(),
                lines["b"].to_numpy(),
                shares=str(shares).split(BETWEEN_NAMES) if shares else None,
                differs=str(differs).split(BETWEEN_NAMES) if differs else None,
                rho=lines["rho"].to_numpy(),
            )
        )
    return tables


def check(name: str, spec: PairSpec, table: pd.DataFrame, folder: Path) -> None:
    """Refuse a table of pairs that cannot be read, or of which no pair lies in the training rows.

    Raises:
        InputError: see `read_pairs` and `iin_core.pair_checks`.
    """
    pairs = read_pairs(name, spec, folder, table)
    check_pairs(as_tables(pairs), table["source"], {}, {})
    train = (table["split"] == "train").to_numpy()
    kept = train[pairs["a"]] & train[pairs["b"]]
    if kept.sum() < 2:
        raise InputError(
            f"Of {len(pairs)} pairs {kept.sum()} have both of their rows in the training rows.",
            where=str(spec.file or "column 'pair'"),
            fix="give more pairs, or a split column that keeps the rows of a pair on one side",
        )


def check_names(
    factors: Mapping[str, PairSpec],
    tables: Sequence[Pairs],
    table: pd.DataFrame,
    columns: Mapping[str, np.ndarray],
) -> None:
    """Check what tables of pairs say against the concepts of their set.

    Raises:
        InputError: a concept that the set has not, or lines that contradict the labels.
    """
    for pairs in tables:
        for name in pairs.names:
            if name not in factors:
                raise InputError(
                    f"A table of pairs names {name!r}, which is no concept of the set.",
                    where=f"column {'shares' if pairs.shares is not None else 'differs'!r}",
                    fix=f"nearest: {nearest(name, list(factors))}; names are separated by {BETWEEN_NAMES!r}",
                )
    valued = {name: spec for name, spec in factors.items() if name in columns}
    check_pairs(tables, table["source"], columns, valued)


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.DataFrame(READERS[path.suffix](path))
    except (ValueError, OSError, pa.ArrowException) as error:
        raise InputError(
            f"The table of pairs {path.name!r} cannot be read: {error}.",
            where=str(path),
            fix="write it anew as CSV with a header, or as Parquet",
        ) from error


def _check_columns(found: pd.DataFrame, spec: PairSpec) -> None:
    absent = [f"no column {column!r}" for column in ("a", "b") if column not in found.columns]
    unknown = [f"a column {str(column)!r}" for column in found.columns if column not in COLUMNS]
    if absent or unknown:
        raise InputError(
            f"The table of pairs {spec.file!r} has {', '.join([*absent, *unknown])}.",
            where=str(spec.file),
            fix=f"its columns are a and b, and where wanted {', '.join(COLUMNS[2:])}",
        )


def _names(found: pd.DataFrame, column: str) -> pd.Series:
    if column not in found:
        return pd.Series("", found.index, dtype=object)
    return found[column].astype(object).where(found[column].notna(), "").astype(str).astype(object)


def _rows_of(values: pd.Series, spec: PairSpec, table: pd.DataFrame, where: str) -> np.ndarray:
    try:
        wanted = source_texts(values)
    except InputError as error:
        raise InputError(f"A pair lacks a row: {error.what}", where=where, fix="complete the line") from None
    if spec.column is None:
        known: Any = pd.Index([str(row) for row in range(len(table))])
        called = f"row numbers; the data has rows 0 to {len(table) - 1}"
    else:
        if spec.column not in table:
            raise InputError(
                f"The data has no column {spec.column!r} that pairs could name.",
                where=where,
                fix=f"nearest: {nearest(spec.column, [str(column) for column in table.columns])}",
            )
        known = pd.Index(source_texts(table[spec.column]))
        called = f"values of the column {spec.column!r}"
        if known.has_duplicates:
            raise InputError(
                f"The column {spec.column!r} names several rows {known[known.duplicated()][0]!r}.",
                where=where,
                fix="name a column whose values are all different, or give row numbers",
            )
    rows = known.get_indexer(pd.Index(wanted))
    if (rows < 0).any():
        bad = np.flatnonzero(rows < 0)
        raise InputError(
            f"{len(bad)} pairs name rows that do not exist: {listed(sorted(set(wanted[bad].tolist())))}.",
            where=f"{where}, line {int(bad[0]) + 2}",
            fix=f"give {called}",
        )
    return np.asarray(rows, np.int64)
