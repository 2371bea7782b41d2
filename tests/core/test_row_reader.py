"""Rows read by ranges are the rows themselves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iin_core import row_reader
from iin_core.row_reader import ArrayReader, RowReader, SubsetReader, chunks

Z = np.random.default_rng(0).normal(size=(50, 3))


@given(st.sets(st.integers(0, 49), min_size=1), st.integers(0, 50), st.integers(0, 50), st.integers(1, 60))
def test_subset_reads_what_indexing_gives(kept, start, stop, size):
    """A range of the kept rows is that range of the indexed array, in pieces of any size."""
    rows = np.array(sorted(kept))
    reader = SubsetReader(ArrayReader(Z), rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_reader, "_CHUNK_BYTES", 12 * size)
        assert np.array_equal(reader.read(start, stop), Z[rows][start:stop].astype(np.float32))
        assert np.array_equal(
            np.concatenate([part for _, part in chunks(reader)]), Z[rows].astype(np.float32)
        )


def test_memory_mapped_file_is_read_as_new_arrays(tmp_path):
    """What is read of a file does not change with it, and readers are known by what they do."""
    np.save(tmp_path / "z.npy", Z)
    array = np.load(tmp_path / "z.npy", mmap_mode="r+")
    reader = ArrayReader(array)
    part = reader.read(2, 5)
    array[:] = 0
    assert np.array_equal(part, Z[2:5].astype(np.float32))
    assert isinstance(reader, RowReader)
    assert isinstance(SubsetReader(reader, np.arange(2)), RowReader)
    assert (reader.n_rows, reader.n_features) == (50, 3)
