"""Fingerprints: equal for the same content in any clothes, different for any other content."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

import tasks
from iin_core import blocks
from tasks.fingerprint import (
    fingerprint_parts,
    fingerprint_source,
    fingerprint_table,
    fingerprint_tensors,
)
from tasks.sealed import file_sha256


def test_tables_in_any_dtype():
    """Widths, string types, categories, the index and kinds of missing values do not matter."""
    plain = pd.DataFrame({"n": [1, 2, 3], "s": ["a", None, "b"], "f": [0.5, np.nan, 2.0]})
    expected = fingerprint_table(plain)
    for change in (
        {"n": "int8"},
        {"n": "Int64"},
        {"s": "category"},
        {"s": "string"},
        {"s": object},
        {"f": "Float64"},
    ):
        assert fingerprint_table(plain.astype(change)) == expected, change
    assert fingerprint_table(plain.set_index(pd.Index([7, 8, 9]))) == expected


@pytest.mark.parametrize(
    "other",
    [
        {"n": [1, 2]},
        {"m": [1, 2, 3]},
        {"n": [1, 2, 4]},
        {"n": [3, 2, 1]},
        {"n": [1.0, 2.0, 3.0]},
        {"n": ["1", "2", "3"]},
        {"n": [1, 2, None]},
    ],
)
def test_table_content_matters(other):
    """Another name, value, order or kind of value gives another fingerprint."""
    assert fingerprint_table(pd.DataFrame(other)) != fingerprint_table(pd.DataFrame({"n": [1, 2, 3]}))


def test_tables_of_other_things_are_refused():
    """A cell that is no number, text or time is refused by the column's name."""
    with pytest.raises(TypeError, match="'what' holds a list"):
        fingerprint_table(pd.DataFrame({"what": [[1]]}))


def test_tensors():
    """A state dict counts by name, dtype, shape and bits, bfloat16 included; order does not matter."""
    state = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(1.0, dtype=torch.bfloat16)}
    expected = fingerprint_tensors(state)
    assert fingerprint_tensors(dict(reversed(state.items()))) == expected
    assert fingerprint_tensors({**state, "a": state["a"].T.contiguous().T}) == expected
    for change in (
        {"a": state["a"].reshape(3, 2)},
        {"a": state["a"].double()},
        {"a": state["a"] + 1},
        {"c": torch.zeros(1)},
    ):
        assert fingerprint_tensors({**state, **change}) != expected


def test_source(tmp_path):
    """A function counts by its module's source, a package by all its files, other processes agree."""
    assert fingerprint_source(blocks.Blocks) == fingerprint_source(blocks)
    assert fingerprint_source(tasks) != fingerprint_source(blocks)
    code = "from tasks.fingerprint import *; from iin_core import blocks; print(fingerprint_source(blocks))"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert shown.stdout.strip() == fingerprint_source(blocks)
    with pytest.raises(TypeError, match="no source file"):
        fingerprint_source(sys)


def test_parts_and_files(tmp_path):
    """Names and values cannot run into each other, and a file counts by its bytes."""
    assert fingerprint_parts({"ab": "c"}) != fingerprint_parts({"a": "bc"})
    assert fingerprint_parts({"a": "1", "b": "2"}) == fingerprint_parts({"b": "2", "a": "1"})
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "b").write_bytes(b"x")
    assert file_sha256(tmp_path / "a") == file_sha256(tmp_path / "b")
