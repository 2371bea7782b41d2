"""Rows that are read a range at a time, so that a layer need not fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

_CHUNK_BYTES = 2**26


@runtime_checkable
class RowReader(Protocol):
    """Whatever gives rows of z by ranges.

    Attributes:
        n_rows: how many there are.
        n_features: N.
    """

    @property
    def n_rows(self) -> int: ...  # noqa: D102

    @property
    def n_features(self) -> int: ...  # noqa: D102

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """The rows start, …, stop − 1 in a new array, (stop − start, N) float32."""
        ...


@dataclass(frozen=True)
class ArrayReader:
    """Rows of anything that is sliced as an array is, (n, N): a memory-mapped file, a Zarr array."""

    array: Any

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return int(self.array.shape[0])

    @property
    def n_features(self) -> int:
        """N."""
        return int(self.array.shape[1])

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """The rows start, …, stop − 1."""
        return np.asarray(self.array[start:stop]).astype(np.float32)


@dataclass(frozen=True)
class SubsetReader:
    """Some rows of another reader, as if they were all: those of one split, say.

    Args:
        reader: of all rows.
        rows: the kept ones, strictly ascending.
    """

    reader: RowReader
    rows: NDArray[np.int64]

    @property
    def n_rows(self) -> int:
        """How many rows are kept."""
        return len(self.rows)

    @property
    def n_features(self) -> int:
        """N."""
        return self.reader.n_features

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """The kept rows start, …, stop − 1: what lies between them is read as well, a piece at a time."""
        wanted = self.rows[start:stop]
        kept = np.empty((len(wanted), self.n_features), np.float32)
        if not len(wanted):
            return kept
        size = chunk_rows(self.n_features)
        for begin in range(int(wanted[0]), int(wanted[-1]) + 1, size):
            end = min(begin + size, int(wanted[-1]) + 1)
            first, last = np.searchsorted(wanted, (begin, end))
            if first < last:
                kept[first:last] = self.reader.read(begin, end)[wanted[first:last] - begin]
        return kept


def chunks(reader: RowReader) -> Iterator[tuple[range, NDArray[np.float32]]]:
    """All rows of a reader in order, 64 MiB at a time."""
    size = chunk_rows(reader.n_features)
    for start in range(0, reader.n_rows, size):
        rows = range(start, min(start + size, reader.n_rows))
        yield rows, reader.read(rows.start, rows.stop)


def chunk_rows(n_features: int) -> int:
    """Rows of N float32 in 64 MiB."""
    return max(1, _CHUNK_BYTES // (4 * n_features))
