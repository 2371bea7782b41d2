"""Arrays in files are the same data as arrays in memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import zarr

from tasks.errors import StudyError
from tasks.sources.data import make_data, open_data
from tasks.study import SourceSpec
from tests.tasks.sources.files_world import ROWS, write_arrays

TABLE = {"digit": np.arange(len(ROWS)) % 3}


@pytest.fixture
def folder(tmp_path):
    write_arrays(tmp_path)
    array = zarr.create_array(tmp_path / "rows.zarr", data=ROWS, chunks=(2, 4))
    assert array.shape == ROWS.shape
    np.save(tmp_path / "ids.npy", np.arange(7)[:, None])
    np.save(tmp_path / "short.npy", ROWS[:5])
    np.save(tmp_path / "texts.npy", np.array(["a", "b"]))
    np.save(tmp_path / "objects.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    return tmp_path


def opened(folder, inputs, table="rows.csv"):
    return open_data(SourceSpec(builtin="arrays", arguments={"inputs": inputs, "table": table}), folder)


@pytest.mark.parametrize("file", ["rows.npy", "rows.zarr"])
def test_a_file_is_the_same_data_as_the_array(folder, file):
    data = opened(folder, file)
    assert torch.equal(data.batch(np.array([6, 1, 6])), torch.tensor(ROWS[[6, 1, 6]], dtype=torch.float32))
    assert data.fingerprint() == make_data((ROWS, TABLE), "mine").fingerprint()


def test_several_files_are_keyword_arguments(folder):
    batch = opened(folder, {"x": "rows.npy", "ids": "ids.npy"}).batch(np.array([3]))
    assert {name: tuple(part.shape) for name, part in batch.items()} == {"x": (1, 4), "ids": (1, 1)}
    assert batch["ids"].dtype == torch.int64


@pytest.mark.parametrize(
    ("inputs", "table", "said"),
    [
        ("none.npy", "rows.csv", "no array that can be read"),
        ("texts.npy", "rows.csv", "no array of numbers"),
        ("objects.npy", "rows.csv", "no array that can be read"),
        ("rows.csv", "rows.csv", "no array that can be read"),
        ({"x": "rows.npy", "y": "short.npy"}, "rows.csv", "different lengths"),
        ("short.npy", "rows.csv", "5 inputs and a table of 7 rows"),
        ("rows.npy", "none.csv", "cannot be read"),
    ],
)
def test_what_cannot_be_opened_is_said(folder, inputs, table, said):
    with pytest.raises(StudyError, match=said):
        opened(folder, inputs, table)
