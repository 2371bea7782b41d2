"""What a data source may give, and what is refused."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import Dataset, TensorDataset

from tasks.errors import StudyError
from tasks.sources.data import open_data
from tasks.sources.data.data import SCAN, make_data
from tasks.study import SourceSpec

TABLE = {"digit": [0, 1, 0, 1]}
X = np.arange(12, dtype=np.float64).reshape(4, 3)


class Items(Dataset):
    def __init__(self, item):
        self.item = item

    def __len__(self):
        return 4

    def __getitem__(self, i):
        return self.item(i)


def row(i):
    return torch.tensor(X[i], dtype=torch.float32)


FORMS = {
    "array": X,
    "float32 array": X.astype(np.float32),
    "not contiguous": np.asfortranarray(X),
    "tensor": torch.tensor(X),
    "tensor with gradient": torch.tensor(X, requires_grad=True),
    "dataset of tensors": Items(row),
    "dataset of tuples": Items(lambda i: (row(i), 7)),
    "dataset of arrays": Items(lambda i: X[i]),
    "torch's own dataset": TensorDataset(torch.tensor(X), torch.zeros(4)),
}


@pytest.mark.parametrize("inputs", FORMS.values(), ids=FORMS)
def test_every_form_of_inputs_is_the_same_data(inputs):
    """Batches are float32 tensors, and the fingerprint tells content from form."""
    data = make_data((inputs, TABLE), "mine")
    batch = data.batch(np.array([2, 0]))
    assert batch.dtype == torch.float32
    assert not batch.requires_grad
    assert torch.equal(batch, torch.tensor(X[[2, 0]], dtype=torch.float32))
    assert data.fingerprint() == make_data((X, TABLE), "another name").fingerprint()


@pytest.mark.parametrize(
    "inputs",
    [
        {"ids": X.astype(np.int64), "mask": X > 3},
        Items(lambda i: {"ids": X[i].astype(np.int64), "mask": X[i] > 3}),
    ],
    ids=["mapping", "dataset of mappings"],
)
def test_a_mapping_becomes_keyword_arguments(inputs):
    """Integer and boolean inputs keep their type."""
    data = make_data((inputs, pd.DataFrame(TABLE)), "mine")
    batch = data.batch(np.array([1]))
    assert {name: tensor.dtype for name, tensor in batch.items()} == {"ids": torch.int64, "mask": torch.bool}
    assert batch["ids"].tolist() == [[3, 4, 5]]
    same = make_data(({"mask": X > 3, "ids": X.astype(np.int64)}, TABLE), "mine")
    assert data.fingerprint() == same.fingerprint()


def test_an_object_of_ones_own():
    """Anything with `table` and `batch(indices)` is data."""
    own = SimpleNamespace(table=pd.DataFrame(TABLE), batch=lambda indices: X[indices])
    assert make_data(own, "mine").fingerprint() == make_data((X, TABLE), "mine").fingerprint()


def test_each_row_is_its_own_source_unless_told():
    """The column `source` is there in any case."""
    assert make_data((X, TABLE), "mine").table["source"].tolist() == [0, 1, 2, 3]
    assert make_data((X, {**TABLE, "source": list("aabb")}), "mine").table["source"].tolist() == list("aabb")


def test_the_index_of_a_table_does_not_matter():
    """Rows count by position."""
    table = pd.DataFrame(TABLE, index=[9, 8, 7, 6])
    data = make_data((X, table), "mine")
    assert data.table.index.tolist() == [0, 1, 2, 3]
    assert data.fingerprint() == make_data((X, TABLE), "mine").fingerprint()


CHANGES = {
    "an input": (X + np.eye(4, 3), TABLE),
    "a value": (X, {"digit": [0, 1, 0, 0]}),
    "a column's name": (X, {"digits": [0, 1, 0, 1]}),
    "one more column": (X, {**TABLE, "size": [1, 2, 3, 4]}),
    "the order of rows": (X[::-1].copy(), TABLE),
    "the shape": (X.reshape(4, 3, 1), TABLE),
    "the type": (X.astype(np.int64), TABLE),
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES)
def test_any_change_of_content_changes_the_fingerprint(changed):
    """Nothing stale is taken for the same data."""
    assert make_data(changed, "mine").fingerprint() != make_data((X, TABLE), "mine").fingerprint()


def test_the_fingerprint_covers_rows_behind_the_first_block():
    """Data is read in blocks; the last row counts like the first."""
    x = np.zeros((SCAN + 5, 2))
    changed = x.copy()
    changed[-1, -1] = 1
    table = {"digit": np.zeros(len(x))}
    assert make_data((x, table), "m").fingerprint() != make_data((changed, table), "m").fingerprint()


def test_inputs_that_are_not_finite():
    """The rows are named by their position in the whole data."""
    x = np.zeros((SCAN + 5, 2))
    x[[3, SCAN + 1]] = np.nan, np.inf
    with pytest.raises(StudyError, match="inputs that are not finite") as caught:
        make_data((x, {"digit": np.zeros(len(x))}), "mine").fingerprint()
    assert caught.value.where == "rows 3"
    x[3] = 0
    with pytest.raises(StudyError) as caught:
        make_data((x, {"digit": np.zeros(len(x))}), "mine").fingerprint()
    assert caught.value.where == f"rows {SCAN + 1}"


REFUSED = {
    "neither": (X, "gave a ndarray"),
    "nothing": (None, "gave a NoneType"),
    "three": ((X, TABLE, 1), "gave a tuple"),
    "lengths": ((X[:3], TABLE), "gave 3 inputs and a table of 4 rows"),
    "no rows": ((X[:0], {"digit": []}), "has no rows"),
    "no table": ((X, [0, 1, 0, 1]), "The table of the data source 'mine' is a list"),
    "ragged table": ((X, {"a": [1, 2], "b": [1]}), "make no table"),
    "column twice": ((X, pd.DataFrame([[0, 1]] * 4, columns=["a", "a"])), "two columns called 'a'"),
    "no source": ((X, {**TABLE, "source": [1, None, 2, 3]}), "1 rows have no source"),
    "a number": ((np.float64(3), TABLE), "The inputs of the data source 'mine' are a float64"),
    "0-d": ((torch.tensor(1.0), TABLE), "a single number"),
    "ragged inputs": (({"a": X, "b": X[:2]}, TABLE), "different lengths: {'a': 4, 'b': 2}"),
    "text": (("abcd", TABLE), "are a str"),
    "texts": ((np.array(list("abcd")), TABLE), "The inputs are not numbers of one shape"),
    "objects": ((np.array([None, 1, 2, 3], dtype=object), TABLE), "The inputs are not numbers of one shape"),
}


@pytest.mark.parametrize(("made", "what"), REFUSED.values(), ids=REFUSED)
def test_refused(made, what):
    """What cannot be data is refused with a way out."""
    with pytest.raises(StudyError) as caught:
        make_data(made, "mine")
    assert what in caught.value.what
    assert caught.value.fix


def test_cells_that_are_no_values():
    """A list in a cell is neither label nor number."""
    with pytest.raises(StudyError, match="column 'digit' holds a list"):
        make_data((X, {"digit": [[1], [2], [3], [4]]}), "mine").fingerprint()


def test_unknown_built_in_data(tmp_path):
    """The nearest name, and the way to data of one's own."""
    with pytest.raises(StudyError, match="no built-in data set 'colored_digits'") as caught:
        open_data(SourceSpec(builtin="colored_digits"), tmp_path)
    assert "nearest: coloured_digits" in caught.value.fix
    assert "package.module:factory" in caught.value.fix


def fail(i):
    raise OSError(f"image {i} is cut short")


def test_an_example_that_cannot_be_read():
    """The row, and the user's own line."""
    with pytest.raises(
        StudyError, match="Row 2 of the dataset raised OSError: image 2 is cut short"
    ) as caught:
        make_data((Items(fail), TABLE), "mine").batch(np.array([2]))
    assert "test_data.py:" in caught.value.where
    own = SimpleNamespace(table=pd.DataFrame(TABLE), batch=lambda indices: fail(indices[0]))
    with pytest.raises(StudyError, match=r"batch\(1\) of the data raised OSError"):
        make_data(own, "mine").batch(np.array([1]))


def test_examples_of_different_shapes():
    """Mixed sizes cannot be one batch."""
    mixed = Items(lambda i: torch.zeros(2 + i % 2, 3))
    with pytest.raises(StudyError, match="cannot be stacked") as caught:
        make_data((mixed, TABLE), "mine").batch(np.arange(4))
    assert "resizing" in caught.value.fix


def test_examples_of_text():
    """A list of sentences is no input of a network yet."""
    with pytest.raises(StudyError, match="The inputs are not numbers of one shape") as caught:
        make_data((["a", "b", "c", "d"], TABLE), "mine").batch(np.arange(4))
    assert "token ids" in caught.value.fix


def test_a_batch_of_another_length():
    """A batch holds what was asked for."""
    own = SimpleNamespace(table=pd.DataFrame(TABLE), batch=lambda indices: X[:2])
    with pytest.raises(StudyError, match="asked for 4 rows and gave 2"):
        make_data(own, "mine").fingerprint()
