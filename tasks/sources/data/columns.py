"""Columns of numbers, or of lists of numbers, as arrays."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.errors import StudyError
from tasks.sources.data.arguments import WHERE


def stacked(column: pa.ChunkedArray, name: str) -> NDArray[np.generic]:
    """A column as an array with one entry for each row: (n,), or (n, a, …) of lists in lists.

    Args:
        column: without empty cells.
        name: for errors.

    Raises:
        StudyError: lists of several lengths, empty cells within them, or no numbers.
    """
    array, shape = column.combine_chunks(), [len(column)]
    while (
        pa.types.is_list(array.type)
        or pa.types.is_large_list(array.type)
        or pa.types.is_fixed_size_list(array.type)
    ):
        lengths = np.asarray(array.value_lengths())
        odd = np.flatnonzero(lengths != lengths[:1])
        if len(odd):
            row = int(odd[0]) // int(np.prod(shape[1:]))
            raise StudyError(
                f"Lists in column {name!r} have {lengths[0]} entries, and {lengths[odd[0]]} in row {row}.",
                where=f"{WHERE}.inputs",
                fix="pad or cut them to one length",
            )
        shape.append(int(lengths[0]) if len(lengths) else 0)
        array = array.flatten()
    if not (
        pa.types.is_integer(array.type) or pa.types.is_floating(array.type) or pa.types.is_boolean(array.type)
    ):
        raise StudyError(
            f"Column {name!r} holds {column.type}, not numbers or lists of them.",
            where=f"{WHERE}.inputs",
            fix="name another column; encoded images are `image`",
        )
    if array.null_count:
        raise StudyError(
            f"Lists in column {name!r} have empty cells.", where=f"{WHERE}.inputs", fix="fill or drop them"
        )
    # Arrow shows its own memory, which nobody may write to and torch therefore does not take.
    values: NDArray[np.generic] = np.require(array.to_numpy(zero_copy_only=False), requirements="W").reshape(
        shape
    )
    return values
