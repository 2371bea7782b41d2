"""The examples of a study: inputs of the model, and a table with one row for each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from tasks.errors import StudyError
from tasks.fingerprint import fingerprint_table
from tasks.sources.data.inputs import Batch, Inputs, OwnInputs, make_inputs, shown_rows
from tasks.sources.data.kept_digests import kept_digests
from tasks.sources.data.table import make_table

SCAN = 1024
"""Rows that are read at once where all of them are."""


@dataclass(frozen=True)
class Data:
    """The examples of a study.

    Args:
        table: one row for each example; its column `source` tells which rows come from one example.
        inputs: as many.
        name: how the study calls the source.
    """

    table: pd.DataFrame
    inputs: Inputs
    name: str

    def __len__(self) -> int:
        return len(self.table)

    def batch(self, indices: NDArray[np.int64]) -> Batch:
        """The model's input for some rows.

        Args:
            indices: (b,), rows of the table.

        Returns:
            A tensor (b, ...), or a mapping of such.
        """
        return self.inputs.batch(np.asarray(indices, dtype=np.int64))

    def batches(self) -> Iterator[tuple[NDArray[np.int64], Batch]]:
        """All rows in their order, a part at a time, each with the model's input for it."""
        for start in range(0, len(self), SCAN):
            rows = np.arange(start, min(start + SCAN, len(self)))
            yield rows, self.batch(rows)

    def fingerprint(self) -> str:
        """SHA-256 of all inputs and of the table; the same however the source is stored.

        Raises:
            StudyError: an input that is not finite.
        """
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256(_table_fingerprint(self.table).encode())
        for name, array_digest in sorted(kept_digests(self.inputs, lambda: _input_digests(self)).items()):
            digest.update(f"\n{name}={array_digest}".encode())
        return digest.hexdigest()


def make_data(made: Any, name: str) -> Data:
    """Join what a source gave into `Data`.

    Args:
        made: ``(inputs, table)``, or an object with `table` and `batch(indices)`.
        name: how the study calls the source.

    Raises:
        StudyError: neither of these, no rows, lengths that differ, or a table that cannot be used.
    """
    if hasattr(made, "table") and callable(getattr(made, "batch", None)):
        table = make_table(made.table, name)
        inputs: Inputs = OwnInputs(made, len(table))
    elif isinstance(made, (tuple, list)) and len(made) == 2:
        table = make_table(made[1], name)
        inputs = make_inputs(made[0], name)
    else:
        raise StudyError(
            f"The data source {name!r} gave a {type(made).__name__}.",
            where="data.source",
            fix="return (inputs, table), or an object with `table` and `batch(indices)`",
        )
    if len(inputs) != len(table):
        raise StudyError(
            f"The data source {name!r} gave {len(inputs)} inputs and a table of {len(table)} rows.",
            where="data.source",
            fix="give the table one row for each input, in the same order",
        )
    if not len(table):
        raise StudyError(f"The data source {name!r} has no rows.", where="data.source", fix="give it some")
    return Data(table, inputs, name)


def _table_fingerprint(table: pd.DataFrame) -> str:
    try:
        return fingerprint_table(table)
    except TypeError as error:
        raise StudyError(
            f"The data's table cannot be used: {error}.",
            where="data.source",
            fix="let each cell be a number, text, boolean, time or missing",
        ) from error


def _input_digests(data: Data) -> dict[str, str]:
    digests: dict[str, Any] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for rows, batch in data.batches():
        parts = batch if isinstance(batch, dict) else {"": batch}
        for key, part in parts.items():
            _refuse_other_length(part, len(rows), data.name)
            _refuse_not_finite(part, int(rows[0]), data.name)
            _refuse_other_shape(part, shapes.setdefault(key, tuple(part.shape[1:])), int(rows[0]), data.name)
            header = f"{part.dtype}{tuple(part.shape[1:])}".encode()
            digest = digests.setdefault(key, hashlib.sha256(header))
            digest.update(part.contiguous().view(torch.uint8).numpy())
    return {key: digest.hexdigest() for key, digest in digests.items()}


def _refuse_other_length(part: Tensor, asked: int, name: str) -> None:
    if len(part) != asked:
        raise StudyError(
            f"The data source {name!r} was asked for {asked} rows and gave {len(part)}.",
            where="data.source",
            fix="let batch(indices) return one row for each index, in their order",
        )


def _refuse_other_shape(part: Tensor, shape: tuple[int, ...], start: int, name: str) -> None:
    if tuple(part.shape[1:]) != shape:
        raise StudyError(
            f"The data source {name!r} has inputs of shape {shape} and of shape {tuple(part.shape[1:])}.",
            where=f"rows 0 and {start}",
            fix="let all examples have one shape, for example by resizing and cropping",
        )


def _refuse_not_finite(part: Tensor, start: int, name: str) -> None:
    if not part.is_floating_point():
        return
    finite = torch.isfinite(part).reshape(len(part), -1).all(dim=1)
    if not bool(finite.all()):
        rows = (start + torch.nonzero(~finite)[:, 0]).tolist()
        raise StudyError(
            f"The data source {name!r} has inputs that are not finite.",
            where=f"rows {shown_rows(rows)}",
            fix="drop or repair these examples",
        )
