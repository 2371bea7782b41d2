"""Rows that an interpreter is given, refused in words where it could make nothing of them."""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from iin_core.errors import InputError


def given_rows(rows: ArrayLike | Tensor, width: int) -> Tensor:
    """The rows, (n, width), as float32 where they are.

    Raises:
        InputError: another shape, or numbers that are not finite: of those every row that comes out
            would be NaN without a word.
    """
    tensor = torch.as_tensor(rows).float()
    if tensor.ndim != 2 or tensor.shape[1] != width:
        raise InputError(
            f"Rows have the shape (n, {width}), these have {tuple(tensor.shape)}.",
            fix="give one row an example; a reading makes rows of an activation",
        )
    finite = tensor.isfinite()
    if not bool(finite.all()):
        bad = (~finite).nonzero()
        row, column = bad[0].tolist()
        raise InputError(
            f"{len(bad[:, 0].unique())} of {len(tensor)} rows hold numbers that are not finite.",
            where=f"the first: {float(tensor[row, column])} in row {row}, column {column}",
            fix="drop or mend these rows",
        )
    return tensor
