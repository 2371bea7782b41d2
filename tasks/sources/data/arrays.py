"""NumPy and Zarr arrays with a table beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from iin_core.spec import Spec
from tasks.errors import StudyError
from tasks.sources.data.arguments import WHERE, read_spec
from tasks.sources.data.file_arrays import FileArrays
from tasks.sources.data.table import read_table
from tasks.study import SourceSpec

NAME = "arrays"
_NUMBERS = "biuf"
"""Kinds of numpy's dtypes that a tensor can hold."""


class ArraysSpec(Spec):
    """Inputs in files, and what is known of each."""

    inputs: Annotated[str, Field(min_length=1)] | Annotated[dict[str, str], Field(min_length=1)]
    """A `.npy` file or the folder of a Zarr array, (n, ...); or input of the model → such."""
    table: str
    """A CSV or Parquet file with one row for each input, in the same order."""


def open_source(spec: SourceSpec, folder: Path) -> tuple[FileArrays, pd.DataFrame]:
    """Open the arrays; rows are read when they are asked for.

    Args:
        spec: with the arguments of `ArraysSpec`.
        folder: of the study.

    Raises:
        StudyError: a file that is no such array, arrays of different lengths, or no table.
    """
    own = read_spec(ArraysSpec, spec.arguments, NAME)
    named = {"": own.inputs} if isinstance(own.inputs, str) else own.inputs
    paths = {name: folder / file for name, file in named.items()}
    arrays = {
        name: _opened(path, f"{WHERE}.inputs{'.' * bool(name)}{name}: {path}") for name, path in paths.items()
    }
    lengths = {named[name]: array.shape[0] for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise StudyError(
            f"The arrays have different lengths: {lengths}.",
            where=f"{WHERE}.inputs",
            fix="give every input one entry for each row",
        )
    return FileArrays(arrays, paths), read_table(folder / own.table, f"{WHERE}.table: {folder / own.table}")


def _opened(path: Path, where: str) -> Any:
    try:
        array = _zarr(path) if path.is_dir() else np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise StudyError(
            f"{path.name!r} is no array that can be read: {error}.",
            where=where,
            fix="give a .npy file of numbers, or the folder of a Zarr array",
        ) from error
    if not hasattr(array, "dtype") or array.dtype.kind not in _NUMBERS or not array.ndim:
        raise StudyError(
            f"{path.name!r} is no array of numbers with one entry for each row.",
            where=where,
            fix="save one array (n, ...) of numbers a file, with numpy.save",
        )
    return array


def _zarr(path: Path) -> Any:
    import zarr

    return zarr.open_array(path, mode="r")
