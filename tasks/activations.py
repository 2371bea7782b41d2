"""Activations on disk: one sharded Zarr v3 array a layer, each shard whole or an error.

Zarr reads a shard that is missing or empty as fill values, silently, and two writers in one shard
lose rows. So a shard has one writer, which writes all of it, and readers compare with the manifest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from upath import UPath
from zarr.codecs import Crc32cCodec
from zarr.storage import FsspecStore, LocalStore

from tasks.errors import DamagedOutput
from tasks.sealed import Output
from tasks.storage import is_local

ARRAY = "activations.zarr"
_CHUNK_BYTES = 2**20
_SHARD_BYTES = 2**25
BLOCK_ROWS = 4096
"""Rows that one writer extracts in one go. Each shard lies in one block: a shard has at most so many
rows, and a power of two."""
_ITEM_BYTES = 4


@dataclass(frozen=True)
class Layout:
    """How `n_rows` rows of `n` float32 values lie in shards; a function of these two alone.

    Rows in a chunk and in a shard are powers of two, so that shards of all layers of a model
    begin at common rows.
    """

    n_rows: int
    n: int

    @property
    def chunk_rows(self) -> int:
        """Rows in a chunk: about 1 MiB."""
        return min(_power_of_two(_CHUNK_BYTES // (self.n * _ITEM_BYTES)), self.shard_rows)

    @property
    def shard_rows(self) -> int:
        """Rows in a shard: at most 32 MiB, at most 4,096 rows, not more than there are."""
        fits = _power_of_two(min(_SHARD_BYTES // (self.n * _ITEM_BYTES), BLOCK_ROWS))
        return min(fits, 1 << max(0, self.n_rows - 1).bit_length())

    @property
    def n_shards(self) -> int:
        """How many shards there are."""
        return -(-self.n_rows // self.shard_rows)

    def rows(self, shard: int) -> range:
        """The rows of a shard; the last one may be short."""
        start = shard * self.shard_rows
        return range(start, min(start + self.shard_rows, self.n_rows))

    def file(self, shard: int) -> str:
        """The name of a shard's file in the output."""
        return f"{ARRAY}/c/{shard}/0"


def create_array(folder: UPath, layout: Layout) -> None:
    """Make the array ``activations.zarr`` (n_rows, n) float32 without any shard yet."""
    zarr.create_array(
        store=_store(folder / ARRAY, read_only=False),
        shape=(layout.n_rows, layout.n),
        chunks=(layout.chunk_rows, layout.n),
        shards=(layout.shard_rows, layout.n),
        dtype="float32",
        compressors=[Crc32cCodec()],
        filters=None,
        # What a reader that does not look at the manifest sees of a missing shard.
        fill_value=float("nan"),
        dimension_names=("row", "dim"),
    )


def write_shard(folder: UPath, layout: Layout, shard: int, rows: np.ndarray) -> None:
    """Write one whole shard; the same rows always give the same bytes.

    Args:
        folder: the attempt's.
        layout: of the array, which `create_array` made.
        shard: its number.
        rows: float32 (rows of that shard, n).
    """
    span = layout.rows(shard)
    assert len(span) > 0, f"shard {shard} does not exist"
    assert rows.shape == (len(span), layout.n), f"shard {shard} takes {len(span)} rows of {layout.n}"
    assert rows.dtype == np.float32
    # Zarr would compare every chunk with the fill value first, which costs as much as writing it.
    array = zarr.open_array(
        _store(folder / ARRAY, read_only=False), mode="r+", config={"write_empty_chunks": True}
    )
    assert array.shards == (layout.shard_rows, layout.n)
    array[span.start : span.stop] = rows


def load_activations(output: Output) -> np.ndarray:
    """All activations of a sealed output, (n_rows, n) float32.

    Raises:
        DamagedOutput: a shard is missing, empty, cut short or changed; names array and shard.
    """
    shape = output.meta["n_rows"], output.meta["n"]
    activations = np.empty(shape, dtype=np.float32)
    for rows, values in iter_activations(output):
        activations[rows.start : rows.stop] = values
    return activations


def iter_activations(output: Output) -> Iterator[tuple[range, np.ndarray]]:
    """The shards of a sealed output in order: their rows, and float32 (rows, n).

    Raises:
        DamagedOutput: at the first damaged shard.
    """
    layout = Layout(output.meta["n_rows"], output.meta["n"])
    array = _open(output, layout)
    for shard in range(layout.n_shards):
        rows = layout.rows(shard)
        output.file(layout.file(shard))
        yield rows, _read(array, rows, output, layout.file(shard))


class ActivationReader:
    """The rows of a sealed output by ranges, each shard compared with its checksum (a `RowReader`).

    The shard read last is kept, so that ranges one after the other read each shard once.

    Raises:
        DamagedOutput: at a damaged shard.
    """

    def __init__(self, output: Output) -> None:
        self._output, self._layout = output, Layout(output.meta["n_rows"], output.meta["n"])
        self._array = _open(output, self._layout)
        self._kept: tuple[int, np.ndarray] | None = None

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return self._layout.n_rows

    @property
    def n_features(self) -> int:
        """N."""
        return self._layout.n

    def read(self, start: int, stop: int) -> np.ndarray:
        """The rows start, …, stop − 1 in a new array, (stop − start, N) float32."""
        out = np.empty((stop - start, self.n_features), np.float32)
        size = self._layout.shard_rows
        for shard in range(start // size, -(-stop // size)):
            rows = self._layout.rows(shard)
            begin, end = max(start, rows.start), min(stop, rows.stop)
            out[begin - start : end - start] = self._shard(shard)[begin - rows.start : end - rows.start]
        return out

    def _shard(self, shard: int) -> np.ndarray:
        if self._kept is None or self._kept[0] != shard:
            file = self._layout.file(shard)
            self._output.file(file)
            rows = self._layout.rows(shard)
            self._kept = (shard, _read(self._array, rows, self._output, file))
        return self._kept[1]


def _open(output: Output, layout: Layout) -> zarr.Array[Any]:
    output.file(f"{ARRAY}/zarr.json")
    try:
        array = zarr.open_array(_store(output.path / ARRAY, read_only=True), mode="r")
    except (ValueError, KeyError, TypeError, FileNotFoundError) as error:
        raise output.damaged(f"cannot be read ({error})", f"{ARRAY}/zarr.json") from error
    if array.shape != (layout.n_rows, layout.n) or array.shards != (layout.shard_rows, layout.n):
        raise output.damaged(f"says another shape, {array.shape}", f"{ARRAY}/zarr.json")
    return array


def _read(array: zarr.Array[Any], rows: range, output: Output, file: str) -> np.ndarray:
    try:
        return np.asarray(array[rows.start : rows.stop])
    except (ValueError, RuntimeError) as error:
        # Zarr says "checksum" and names neither array nor shard.
        raise _damaged_shard(output, file, str(error)) from error


def _damaged_shard(output: Output, file: str, why: str) -> DamagedOutput:
    return output.damaged(f"(rows of one shard) does not have its checksum: {why.splitlines()[0]}", file)


def remove_drafts(folder: UPath) -> None:
    """Remove what a killed writer left of shards that it had not finished."""
    for path in folder.rglob("*.partial"):
        path.unlink(missing_ok=True)


def _store(path: UPath, *, read_only: bool) -> LocalStore | FsspecStore:
    if is_local(path):
        return LocalStore(str(path), read_only=read_only)
    return FsspecStore.from_url(str(path), storage_options=dict(path.storage_options), read_only=read_only)


def _power_of_two(limit: int) -> int:
    return 1 << (max(1, limit).bit_length() - 1)
