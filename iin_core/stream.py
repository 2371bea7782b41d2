"""Training rows that do not fit: shards in seeded order, a window of them in memory at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iin_core.front import Front
from iin_core.row_reader import RowReader, chunk_rows

SHARD_ROWS = 4096
"""Rows that stay together; the order of shards is shuffled, anew for each pass."""
RESIDENT_BYTES = 2**32
"""Rows behind the front above which `feed: auto` streams. A constant: which pairs are drawn depends on
it, and a result must not depend on the machine."""
WINDOW_ROWS = 2**20
_ORDER = 0x11A


@dataclass(frozen=True, eq=False)
class ShardedRows:
    """Rows of one layer behind its front, read a window at a time.

    The order of shards is the same for all IINs of a layer, so that they share a window; the pairs
    that each draws in it are its own.

    Args:
        reader: of the training rows z.
        front: what they pass on their way.
        window_rows: how many rows lie in memory, about.
    """

    reader: RowReader
    front: Front
    window_rows: int = WINDOW_ROWS

    @property
    def n_rows(self) -> int:
        """How many training rows there are."""
        return self.reader.n_rows

    @property
    def n_dims(self) -> int:
        """d."""
        return self.front.n_dims

    @property
    def n_windows(self) -> int:
        """Windows in one pass over all rows."""
        return -(-self._n_shards // max(1, self.window_rows // SHARD_ROWS))

    @property
    def largest_window(self) -> int:
        """The most rows that lie in memory at a time."""
        return min(self.n_rows, -(-self._n_shards // self.n_windows) * SHARD_ROWS)

    def updates_a_window(self, batch: int, block: int) -> int:
        """Updates until the window moves: as many as show each row once, in whole blocks."""
        return max(1, -(-self.largest_window // (batch * block))) * block

    def shards(self, window: int) -> NDArray[np.int64]:
        """The shards of a window, ascending; windows count on from one pass to the next."""
        epoch, index = divmod(window, self.n_windows)
        order = np.random.default_rng((_ORDER, epoch)).permutation(self._n_shards)
        return np.sort(np.array_split(order, self.n_windows)[index]).astype(np.int64)

    def rows(self, window: int) -> NDArray[np.int64]:
        """The rows of a window, ascending."""
        parts = [np.arange(*self._span(int(shard))) for shard in self.shards(window)]
        return np.concatenate(parts).astype(np.int64)

    def fill(self, out: Tensor, window: int) -> None:
        """Read a window, behind the front, into the first rows of `out`, (at least its rows, d)."""
        at, size = 0, chunk_rows(self.reader.n_features)
        for shard in self.shards(window):
            begin, end = self._span(int(shard))
            for start in range(begin, end, size):
                stop = min(start + size, end)
                out[at : at + stop - start] = self.front.apply(
                    torch.from_numpy(self.reader.read(start, stop))
                )
                at += stop - start

    @property
    def _n_shards(self) -> int:
        return -(-self.n_rows // SHARD_ROWS)

    def _span(self, shard: int) -> tuple[int, int]:
        return shard * SHARD_ROWS, min((shard + 1) * SHARD_ROWS, self.n_rows)


def streams(feed: str, n_rows: int, n_dims: int) -> bool:
    """Whether so many training rows of d dimensions are read in windows rather than held at once."""
    return feed == "stream" or (feed == "auto" and 4 * n_rows * n_dims > RESIDENT_BYTES)


def window_rows(n_dims: int) -> int:
    """Rows in a window: a million, or what of them fits into 4 GiB."""
    return max(SHARD_ROWS, min(WINDOW_ROWS, RESIDENT_BYTES // (4 * n_dims)))
