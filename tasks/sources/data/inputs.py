"""Inputs of a model in the forms in which people have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import default_collate

from tasks.errors import StudyError
from tasks.sources.data.file_arrays import FileArrays
from tasks.sources.data.image_files import ImageInputs
from tasks.sources.imported import FAULTS, raised

Batch = Tensor | dict[str, Tensor]


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
        items = [self._item(int(i)) for i in indices]
        try:
            return _as_batch(default_collate(items))
        except (RuntimeError, TypeError) as error:
            raise StudyError(
                f"The examples of the dataset cannot be stacked: {error}.",
                where=f"data.source, rows {shown_rows(indices.tolist())}",
                fix="let all items have one shape and type, for example by resizing and cropping",
            ) from error

    def _item(self, i: int) -> Any:
        try:
            item = self.dataset[i]
        except FAULTS as error:
            raise raised(error, f"Row {i} of the dataset", "repair or leave out this example") from error
        return item[0] if isinstance(item, (tuple, list)) else item


@dataclass(frozen=True)
class OwnInputs:
    """An object of the user's with `batch(indices)`."""

    owner: Any
    n_rows: int

    def __len__(self) -> int:
        return self.n_rows

    def batch(self, indices: NDArray[np.int64]) -> Batch:
        """The inputs of some rows."""
        try:
            made = self.owner.batch(indices)
        except FAULTS as error:
            what = f"batch({shown_rows(indices.tolist())}) of the data"
            raise raised(error, what, "make the call work in Python first") from error
        return _as_batch(made)


def make_inputs(made: Any, name: str) -> Inputs:
    """Take what a source gave as inputs.

    Args:
        made: an array or tensor (n, ...), a mapping of such, files of either, or a map-style dataset.
        name: how the study calls the source.

    Raises:
        StudyError: none of these.
    """
    if isinstance(made, (ImageInputs, FileArrays)):
        return made
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


def shown_rows(rows: list[int]) -> str:
    """The first rows of a list, for an error."""
    return ", ".join(map(str, rows[:5])) + (" and more" if len(rows) > 5 else "")


def _tensor(value: Any) -> Tensor:
    try:
        tensor = torch.as_tensor(np.ascontiguousarray(value) if isinstance(value, np.ndarray) else value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise StudyError(
            f"The inputs are not numbers of one shape: {error}.",
            where="data.source",
            fix="give the tensors that the model is called with; turn text into token ids in your factory",
        ) from error
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
