"""The table of a data source: one row for each example."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from iin_core.errors import InputError
from iin_core.rows import source_texts
from tasks.errors import StudyError

SOURCE = "source"


def read_table(path: Path, where: str) -> pd.DataFrame:
    """A table that lies in a file.

    Args:
        path: ends in ``.parquet`` or is CSV.
        where: for the error.

    Raises:
        StudyError: there is none, or it cannot be read.
    """
    try:
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise StudyError(
            f"The table cannot be read: {error}.", where=where, fix="give a CSV or Parquet file"
        ) from error


def make_table(made: Any, name: str) -> pd.DataFrame:
    """A table with a plain index and a complete column `source`.

    Args:
        made: a DataFrame, or a mapping of columns.
        name: how the study calls the source.

    Raises:
        StudyError: not a table, two columns of one name, or a row without source.
    """
    if not isinstance(made, (pd.DataFrame, Mapping)):
        raise StudyError(
            f"The table of the data source {name!r} is a {type(made).__name__}.",
            where="data.source",
            fix="give a DataFrame, or a mapping of columns of equal length",
        )
    try:
        table = pd.DataFrame(made).reset_index(drop=True)
    except ValueError as error:
        raise StudyError(
            f"The columns of the data source {name!r} make no table: {error}.",
            where="data.source",
            fix="give columns of equal length",
        ) from error
    table.columns = pd.Index([str(column) for column in table.columns])
    twice = sorted(set(table.columns[table.columns.duplicated()]))
    if twice:
        raise StudyError(
            f"The table of the data source {name!r} has two columns called {twice[0]!r}.",
            where="data.source",
            fix="rename one",
        )
    if SOURCE not in table:
        table.insert(0, SOURCE, np.arange(len(table)))
    try:
        source_texts(table[SOURCE])
    except InputError as error:
        raise StudyError(
            error.what, where=f"data.source, column 'source', {error.where}", fix=error.fix
        ) from None
    return table
