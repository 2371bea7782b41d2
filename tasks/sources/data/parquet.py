"""Parquet files: inputs in some columns, what is known of them in the others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, model_validator

from iin_core.errors import nearest
from tasks.errors import StudyError
from tasks.sources.data.arguments import WHERE, read_spec
from tasks.sources.data.columns import stacked
from tasks.sources.data.image_files import ImageInputs
from tasks.sources.data.image_form import ImageForm, ImageOptions
from tasks.study import SourceSpec

NAME = "parquet"
_BYTES = "bytes"
"""The field of an image in the files of the library `datasets`."""


class ParquetSpec(ImageOptions):
    """Parquet files that are one table together."""

    path: Annotated[str, Field(min_length=1)]
    """A file, a folder of files, or a pattern such as ``train-*.parquet``; in the order of their names."""
    image: str | None = None
    """The column of encoded images: bytes, or {bytes, path} as the library `datasets` writes them."""
    inputs: str | Annotated[dict[str, str], Field(min_length=1)] | None = None
    """Instead of `image`, the column of numbers or of lists of them; or input of the model → column."""

    @model_validator(mode="after")
    def _either(self) -> ParquetSpec:
        if (self.image is None) == (self.inputs is None):
            raise ValueError("the inputs are either `image` or `inputs`, with the name of a column")
        return self


def open_source(spec: SourceSpec, folder: Path) -> tuple[Any, pd.DataFrame]:
    """Read the columns; images are decoded when they are asked for.

    Args:
        spec: with the arguments of `ParquetSpec`.
        folder: of the study.

    Raises:
        StudyError: no such files or columns, cells without a value, or lists of several lengths.
    """
    own = read_spec(ParquetSpec, spec.arguments, NAME)
    files = _files(folder, own.path)
    whole = _read(files)
    named = {"": own.inputs} if isinstance(own.inputs, str) else own.inputs or {"": str(own.image)}
    columns = {name: _column(whole, column) for name, column in named.items()}
    table = _table(whole, set(named.values()))
    if own.image is not None:
        return ImageInputs(ImageForm.of(own, folder), files, _encoded(columns[""], own.image)), table
    arrays = {name: stacked(column, named[name]) for name, column in columns.items()}
    return arrays.get("", arrays), table


def _files(folder: Path, path: str) -> tuple[Path, ...]:
    place = folder / path
    found = sorted(place.glob("*.parquet")) if place.is_dir() else sorted(folder.glob(path))
    if place.is_file():
        found = [place]
    if not found:
        raise StudyError(
            f"There is no Parquet file {path!r}.",
            where=f"{WHERE}.path: {place}",
            fix="paths start at the study's",
        )
    return tuple(found)


def _read(files: tuple[Path, ...]) -> pa.Table:
    try:
        return pa.concat_tables([pq.read_table(file) for file in files], promote_options="default")
    except (OSError, pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise StudyError(
            f"The Parquet files cannot be read as one table: {error}.",
            where=f"{WHERE}.path: {', '.join(file.name for file in files[:5])}",
            fix="give files of Parquet with the same columns",
        ) from error


def _column(whole: pa.Table, name: str) -> pa.ChunkedArray:
    if name not in whole.column_names:
        raise StudyError(
            f"There is no column {name!r}.", where=WHERE, fix=f"nearest: {nearest(name, whole.column_names)}"
        )
    column = whole.column(name)
    if column.null_count:
        rows = np.flatnonzero(column.is_null().to_numpy()).tolist()
        raise StudyError(
            f"{len(rows)} of {len(column)} cells of column {name!r} are empty.",
            where=f"{WHERE}: first in row {rows[0]}",
            fix="drop these rows, or name another column",
        )
    return column


def _encoded(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    if pa.types.is_struct(column.type) and column.type.get_field_index(_BYTES) >= 0:
        column = pa.chunked_array([part.field(_BYTES) for part in column.chunks])
    if not (pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)) or column.null_count:
        raise StudyError(
            f"Column {name!r} holds {column.type}, not the bytes of an image in every row.",
            where=f"{WHERE}.image",
            fix="write the encoded files into the column; numbers are `inputs`",
        )
    return column


def _table(whole: pa.Table, used: set[str]) -> pd.DataFrame:
    """The columns that hold one value a row."""
    simple = [
        field.name
        for field in whole.schema
        if field.name not in used and not (pa.types.is_nested(field.type) or pa.types.is_binary(field.type))
    ]
    table: pd.DataFrame = whole.select(simple).to_pandas()
    return table.reset_index(drop=True) if simple else pd.DataFrame(index=range(len(whole)))
