"""The examples of a study: inputs of the model, and a table with one row for each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import default_collate

from tasks.errors import StudyError
from tasks.fingerprint import fingerprint_table
from tasks.sources.data.table import make_table

Batch = Tensor | dict[str, Tensor]
SCAN = 1024
"""Rows that are read at once for the fingerprint."""


class Inputs(Protocol):
    """What a model is fed with."""

    def __len__(self) -> int: ...

    def batch(self, indices: NDArray[np.int64]) -> Batch:
        """The inputs of some rows, (len(indices), ...)."""
        ...


@dataclass(frozen=True)
class ArrayInputs:
    """Tensors in memory: one, or a mapping that becomes the model's keyword arguments."""

    arrays: Mapping[str, Tensor]
    single: bool

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def batch(self, indices: NDArray[np.int64]) -> Batch:
        """The inputs of some rows."""
        index = torch.as_tensor(indices)
        parts = {name: array[index] for name, array in self.arrays.items()}
        return parts[""] if self.single else parts


@dataclass(frozen=True)
class DatasetInputs:
    """A map-style dataset; where an item is a tuple, its first entry is the input."""

    dataset: Any

    def __len__(self) -> int:
        return len(self.dataset)

    def batch(self, indices: NDArray[np.int64]) -> Batch:
        """The inputs of some rows."""
        items = [self.dataset[int(i)] for i in indices]
        return _as_batch(
            default_collate([item[0] if isinstance(item, (tuple, list)) else item for item in items])
        )


@dataclass(frozen=True)
class OwnInputs:
    """An object of the user's with `batch(indices)`."""

    owner: Any
    n_rows: int

    def __len__(self) -> int:
        return self.n_rows

    def batch(self, indices: NDArray[np.int64]) -> Batch:
        """The inputs of some rows."""
        return _as_batch(self.owner.batch(indices))


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

    def fingerprint(self) -> str:
        """SHA-256 of all inputs and of the table; the same however the source is stored.

        Raises:
            StudyError: an input that is not finite.
        """
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256(_table_fingerprint(self.table).encode())
        for name, array_digest in sorted(_input_digests(self).items()):
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
        inputs = _make_inputs(made[0], name)
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


def _make_inputs(made: Any, name: str) -> Inputs:
    if isinstance(made, (np.ndarray, Tensor)):
        return ArrayInputs({"": _tensor(made)}, single=True)
    if isinstance(made, Mapping) and made:
        arrays = {str(key): _tensor(value) for key, value in made.items()}
        lengths = {key: len(array) for key, array in arrays.items()}
        if len(set(lengths.values())) > 1:
            raise StudyError(
                f"The inputs of the data source {name!r} have different lengths: {lengths}.",
                where="data.source",
                fix="give every input one entry for each row",
            )
        return ArrayInputs(arrays, single=False)
    if hasattr(made, "__getitem__") and hasattr(made, "__len__") and not isinstance(made, (str, Mapping)):
        return DatasetInputs(made)
    raise StudyError(
        f"The inputs of the data source {name!r} are a {type(made).__name__}.",
        where="data.source",
        fix="give an array or tensor (n, ...), a mapping of such, or a dataset with __len__ and __getitem__",
    )


def _tensor(value: Any) -> Tensor:
    tensor = torch.as_tensor(np.ascontiguousarray(value) if isinstance(value, np.ndarray) else value)
    if tensor.ndim == 0:
        raise StudyError(
            "An input is a single number, not an array with one entry for each row.",
            where="data.source",
            fix="give an array (n, ...)",
        )
    # Networks take float32; numpy makes float64 where nothing is said.
    return tensor.detach().to(torch.float32 if tensor.dtype == torch.float64 else tensor.dtype)


def _as_batch(value: Any) -> Batch:
    if isinstance(value, Mapping):
        return {str(key): _tensor(part) for key, part in value.items()}
    return _tensor(value)


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
    for start, batch in _batches(data):
        parts = batch if isinstance(batch, dict) else {"": batch}
        for key, part in parts.items():
            _refuse_not_finite(part, start, data.name)
            header = f"{part.dtype}{tuple(part.shape[1:])}".encode()
            digest = digests.setdefault(key, hashlib.sha256(header))
            digest.update(part.contiguous().view(torch.uint8).numpy())
    return {key: digest.hexdigest() for key, digest in digests.items()}


def _batches(data: Data) -> Iterator[tuple[int, Batch]]:
    for start in range(0, len(data), SCAN):
        yield start, data.batch(np.arange(start, min(start + SCAN, len(data))))


def _refuse_not_finite(part: Tensor, start: int, name: str) -> None:
    if not part.is_floating_point():
        return
    finite = torch.isfinite(part).reshape(len(part), -1).all(dim=1)
    if not bool(finite.all()):
        rows = (start + torch.nonzero(~finite)[:, 0]).tolist()
        shown = ", ".join(map(str, rows[:5])) + (" and more" if len(rows) > 5 else "")
        raise StudyError(
            f"The data source {name!r} has inputs that are not finite.",
            where=f"rows {shown}",
            fix="drop or repair these examples",
        )
