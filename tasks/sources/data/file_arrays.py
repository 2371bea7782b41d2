"""Arrays that lie in files and are read row by row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tasks.sources.data.file_stamp import Stamp, stamp_files


@dataclass(frozen=True)
class FileArrays:
    """One array, or a mapping of such that becomes the model's keyword arguments.

    Args:
        arrays: name → a memory map, or a Zarr array; (n, ...) each. One alone has no name.
        paths: name → where it lies.
    """

    arrays: Mapping[str, Any]
    paths: Mapping[str, Path]

    def __len__(self) -> int:
        return int(next(iter(self.arrays.values())).shape[0])

    def batch(self, indices: NDArray[np.int64]) -> Tensor | dict[str, Tensor]:
        """The inputs of some rows; float64 becomes float32."""
        if "" in self.arrays:
            return _rows(self.arrays[""], indices)
        return {name: _rows(array, indices) for name, array in self.arrays.items()}

    def stamp(self) -> Stamp:
        """How its files look."""
        return stamp_files(self._files(), f"arrays {sorted(self.paths)}")

    def _files(self) -> Iterator[Path]:
        for _, path in sorted(self.paths.items()):
            yield from sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def _rows(array: Any, indices: NDArray[np.int64]) -> Tensor:
    # Zarr reads a selection out of order chunk by chunk only through its own index.
    values = np.asarray(array[indices] if isinstance(array, np.ndarray) else array.oindex[indices])
    values = values.astype(np.float32) if values.dtype == np.float64 else values
    return torch.from_numpy(np.ascontiguousarray(values.astype(values.dtype.newbyteorder("="))))
