"""Parquet files as data: images and numbers in columns, and columns that cannot be inputs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from tasks.errors import StudyError
from tasks.sources.data import make_data, open_data
from tasks.study import SourceSpec
from tests.tasks.sources.files_world import NAMES, PARQUET, PIXELS, ROWS, encoded, write_parquet


def opened(folder, **arguments):
    return open_data(SourceSpec(builtin="parquet", arguments=arguments), folder)


@pytest.fixture
def folder(tmp_path):
    write_parquet(tmp_path)
    return tmp_path


def test_images_of_several_files_follow_each_other(folder):
    data = open_data(PARQUET, folder)
    assert torch.equal(data.batch(np.array([5, 0])), torch.tensor(PIXELS[[5, 0]]).permute(0, 3, 1, 2) / 255)
    assert data.table["animal"].tolist() == [name.split("/")[0] for name in NAMES]
    assert list(data.table) == ["source", "animal"]


def test_lists_are_the_same_data_as_an_array(folder):
    data = opened(folder, path="parts/*.parquet", inputs="rows")
    table = {"animal": [name.split("/")[0] for name in NAMES]}
    assert data.fingerprint() == make_data((ROWS[:6], table), "mine").fingerprint()


def test_columns_become_keyword_arguments(tmp_path):
    """Lists in lists too, of any length that all rows share."""
    nested = np.arange(24).reshape(4, 2, 3)
    pq.write_table(pa.table({"ids": nested.tolist(), "t": [0.5, 1, 2, 3]}), tmp_path / "a.parquet")
    batch = opened(tmp_path, path="a.parquet", inputs={"tokens": "ids", "time": "t"}).batch(np.array([2]))
    assert torch.equal(batch["tokens"], torch.tensor(nested[2:3]))
    assert batch["time"].tolist() == [2.0]


COLUMNS = {
    "ragged": [[1.0, 2], [3.0, 4], [5.0]],
    "deep": [[[1], [2]], [[3], [4, 5]], [[6], [7]]],
    "holes": [[1.0, None], [3.0, 4], [5.0, 6]],
    "empty": pa.array([None, None, None], pa.float64()),
    "text": ["a", "b", "c"],
    "broken": [encoded(PIXELS[0]), b"no image", encoded(PIXELS[1])],
    "absent": [{"bytes": None, "path": "x.png"}] * 3,
}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"inputs": "ragged"}, "2 entries, and 1 in row 2"),
        ({"inputs": "deep"}, "1 entries, and 2 in row 1"),
        ({"inputs": "holes"}, "empty cells"),
        ({"inputs": "empty"}, "3 of 3 cells of column 'empty' are empty"),
        ({"inputs": "text"}, "not numbers"),
        ({"inputs": "txt"}, "nearest: text"),
        ({"image": "text"}, "not the bytes of an image"),
        ({"image": "absent"}, "not the bytes of an image"),
        ({"image": "broken"}, "(?s)cannot be read.*row 1"),
        ({}, "either `image` or `inputs`"),
        ({"image": "broken", "path": "none.parquet"}, "no Parquet file 'none.parquet'"),
        ({"image": "broken", "path": "text.parquet"}, "cannot be read as one table"),
    ],
)
def test_what_cannot_be_input_is_said(tmp_path, arguments, said):
    pq.write_table(pa.table(COLUMNS), tmp_path / "a.parquet")
    (tmp_path / "text.parquet").write_text("no Parquet")
    with pytest.raises(StudyError, match=said):
        opened(tmp_path, **({"path": "a.parquet"} | arguments)).fingerprint()


def test_files_of_other_columns_are_no_table(folder):
    pd.DataFrame({"animal": [1]}).to_parquet(folder / "parts" / "9.parquet")
    with pytest.raises(StudyError, match="cannot be read as one table"):
        open_data(PARQUET, folder)
