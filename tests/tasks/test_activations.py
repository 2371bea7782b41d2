"""Activations: what is written is read, by anyone's zarr; what is damaged is never zeros."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from tasks import activations
from tasks.activations import (
    ARRAY,
    ActivationReader,
    Layout,
    create_array,
    iter_activations,
    load_activations,
    write_shard,
)
from tasks.errors import DamagedOutput
from tasks.output import open_root
from tasks.step import Step

STEP = Step("activations", 1, {}, {}, {}, "conv1 of net")
sizes = st.tuples(st.integers(1, 300_000), st.integers(1, 9_000_000))


def _rows(layout):
    rng = np.random.default_rng(0)
    return rng.standard_normal((layout.n_rows, layout.n)).astype(np.float32)


def _sealed(root, rows, layout, shards=None):
    with root.begin(STEP) as attempt:
        create_array(attempt.path, layout)
        for shard in shards or range(layout.n_shards):
            span = layout.rows(shard)
            write_shard(attempt.path, layout, shard, rows[span.start : span.stop])
        return attempt.seal({"n_rows": layout.n_rows, "n": layout.n}, times={})


@pytest.fixture
def small_shards(monkeypatch):
    """Shards of at most 64 rows, so that a small array has several."""
    monkeypatch.setattr(activations, "BLOCK_ROWS", 64)


@given(sizes)
def test_layout(size):
    """Shards are whole chunks of bounded size that cover every row once, at powers of two."""
    layout = Layout(*size)
    assert layout.shard_rows % layout.chunk_rows == 0
    assert layout.shard_rows.bit_count() == layout.chunk_rows.bit_count() == 1
    assert layout.chunk_rows == 1 or layout.chunk_rows * layout.n * 4 <= 2**20
    assert layout.shard_rows == 1 or layout.shard_rows * layout.n * 4 <= 2**25
    assert layout.rows(0).start == 0
    assert layout.rows(layout.n_shards - 1).stop == layout.n_rows
    assert len(layout.rows(layout.n_shards)) == 0


@pytest.mark.parametrize(("n_rows", "n"), [(1, 1), (200, 7), (64, 300), (129, 5000)])
def test_round_trip(root, small_shards, n_rows, n):
    """Rows come back bit for bit, whole and shard by shard, and plain zarr reads the same."""
    layout = Layout(n_rows, n)
    rows = _rows(layout)
    output = _sealed(root, rows, layout)
    np.testing.assert_array_equal(load_activations(output), rows)
    np.testing.assert_array_equal(np.concatenate([part for _, part in iter_activations(output)]), rows)
    plain = zarr.open_array(str(output.path / ARRAY), mode="r")
    np.testing.assert_array_equal(plain[:], rows)
    assert plain.metadata.dimension_names == ("row", "dim")


def test_an_object_store(small_shards):
    """The same under an fsspec URL."""
    layout = Layout(100, 3)
    rows = _rows(layout)
    output = _sealed(open_root("memory://activations/root"), rows, layout)
    np.testing.assert_array_equal(load_activations(output), rows)


def test_written_again_in_any_order_it_is_identical(tmp_path, small_shards):
    """The bytes depend on the rows alone: not on the order of shards, nor on writing one twice."""
    layout = Layout(200, 5)
    rows = _rows(layout)
    first = _sealed(open_root(str(tmp_path / "a")), rows, layout)
    again = _sealed(open_root(str(tmp_path / "b")), rows, layout, shards=[3, 0, 2, 1, 3])
    assert first.files == again.files
    assert sum("/c/" in name for name in first.files) == 4


def test_zeros_are_written(root, small_shards):
    """A layer that is zero everywhere has all its shards on disk, so that a missing one is a fault."""
    layout = Layout(130, 4)
    output = _sealed(root, np.zeros((130, 4), np.float32), layout)
    assert all(layout.file(shard) in output.files for shard in range(layout.n_shards))
    assert not load_activations(output).any()


def _flip(path, position):
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("harm", "word"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(b""), "has 0 bytes"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "bytes instead of"),
        (lambda path: _flip(path, 100), "checksum"),
        (lambda path: _flip(path, -10), "checksum"),
    ],
    ids=["missing", "empty", "truncated", "flipped data", "flipped index"],
)
def test_a_damaged_shard_is_named(root, small_shards, harm, word):
    """A missing, empty, short or changed shard is an error with array and shard, never zeros."""
    layout = Layout(200, 5)
    output = _sealed(root, _rows(layout), layout)
    harm(output.path / layout.file(2))
    with pytest.raises(DamagedOutput, match=f"activations.zarr/c/2/0' of activations 'conv1 of net'.*{word}"):
        load_activations(output)


def test_a_shard_that_was_never_written(root, small_shards):
    """Sealing without one of the shards does not go unnoticed."""
    layout = Layout(200, 5)
    output = _sealed(root, _rows(layout), layout, shards=[0, 1, 3])
    with pytest.raises(DamagedOutput, match=r"c/2/0' .* no such file in its manifest"):
        load_activations(output)


def test_damaged_description(root, small_shards):
    """An array whose own description is broken, or is another's, is named."""
    layout = Layout(100, 5)
    output = _sealed(root, _rows(layout), layout)
    text = (output.path / ARRAY / "zarr.json").read_text()
    (output.path / ARRAY / "zarr.json").write_text("x" * len(text))
    with pytest.raises(DamagedOutput, match=r"zarr.json' .*cannot be read"):
        load_activations(output)
    (output.path / ARRAY / "zarr.json").write_text(text.replace("100", "101", 1))
    with pytest.raises(DamagedOutput, match=r"zarr.json' .*another shape"):
        load_activations(output)


@pytest.mark.parametrize(("shard", "n_rows"), [(0, 63), (0, 65), (3, 64), (4, 64)])
def test_a_writer_owns_whole_shards(root, small_shards, shard, n_rows):
    """Part of a shard, or more than it, cannot be written."""
    layout = Layout(200, 5)
    with root.begin(STEP) as attempt:
        create_array(attempt.path, layout)
        with pytest.raises(AssertionError, match=f"shard {shard}"):
            write_shard(attempt.path, layout, shard, np.zeros((n_rows, 5), np.float32))


@pytest.mark.parametrize("span", [(0, 200), (0, 0), (10, 60), (60, 130), (199, 200)])
def test_reader_gives_ranges(root, small_shards, span):
    """Any range of rows is read as it was written, across shards too, and told by its size."""
    layout = Layout(200, 7)
    rows = _rows(layout)
    reader = ActivationReader(_sealed(root, rows, layout))
    np.testing.assert_array_equal(reader.read(*span), rows[slice(*span)])
    assert (reader.n_rows, reader.n_features) == (200, 7)


def test_reader_names_a_damaged_shard(root, small_shards):
    """A range of whole shards is read; one that touches a changed shard is an error that names it."""
    layout = Layout(200, 7)
    output = _sealed(root, _rows(layout), layout)
    path = output.path / layout.file(2)
    data = bytearray(path.read_bytes())
    data[10] ^= 1
    path.write_bytes(bytes(data))
    reader = ActivationReader(output)
    assert len(reader.read(0, 128)) == 128
    with pytest.raises(DamagedOutput, match=r"activations\.zarr/c/2/0"):
        reader.read(100, 130)
