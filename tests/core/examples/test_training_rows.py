"""The training rows as tensors."""

from itertools import islice

import numpy as np
import pytest
import torch

from iin_core.errors import InputError
from iin_core.examples.training_rows import TrainingRows, training_rows


def test_only_rows_for_training_are_read(small):
    """The images are those of the split train, in the order of the rows."""
    train = training_rows(small, small.rows, {"digit": 10})
    chosen = np.flatnonzero(small.rows["split"] == "train")
    assert torch.equal(train.images, small.images[chosen])
    assert train.classes["digit"].tolist() == small.rows["digit"].iloc[chosen].tolist()


def test_classes_are_in_the_order_of_the_sorted_labels(small):
    """Class 0 of colour is the first colour of the alphabet."""
    train = training_rows(small, small.rows, {"colour": 6})
    names = sorted(small.rows["colour"].unique())
    chosen = np.flatnonzero(small.rows["split"] == "train")
    assert [names[c] for c in train.classes["colour"]] == small.rows["colour"].iloc[chosen].tolist()


def test_each_row_comes_once_before_any_comes_again(small):
    """The batches of one pass are all different rows."""
    train = training_rows(small, small.rows, {})
    rows = torch.cat(list(islice(train.batches(10), len(train) // 10)))
    assert len(rows.unique()) == len(rows)


def test_pairs_are_two_rows_of_one_source(small):
    """Both rows of a pair show one source, and never the same row."""
    train = training_rows(small, small.rows, {})
    for first, second in islice(train.paired_batches(8), 20):
        assert torch.equal(train.source[first], train.source[second])
        assert len(train.source[first].unique()) == 8
        assert (first != second).all()


def test_a_source_with_one_row_is_paired_with_itself():
    """Data without repeated sources can be used, too."""
    rows = TrainingRows(torch.zeros(3, 3, 4, 4), {}, torch.tensor([0, 1, 1]))
    for first, second in islice(rows.paired_batches(2), 20):
        for a, b in zip(first.tolist(), second.tolist(), strict=True):
            assert (a, b) in {(0, 0), (1, 2), (2, 1)}


def test_a_missing_column_is_named(small):
    """The message says which column and what there is."""
    with pytest.raises(InputError, match=r"no column digit(.|\n)*columns source, colour"):
        training_rows(small, small.rows[["source", "colour", "split"]], {"digit": 10})


def test_another_number_of_labels_is_refused(small):
    """A reader of five colours cannot be fitted on six."""
    with pytest.raises(InputError, match=r"'colour' has 6 labels, the network tells 5 apart"):
        training_rows(small, small.rows, {"colour": 5})


def test_rows_without_training_are_refused(small):
    """The message says that the split has no train."""
    with pytest.raises(InputError, match="No row is for training"):
        training_rows(small, small.rows.assign(split="heldout"), {})


class _Words:
    def batch(self, indices):
        return {"input_ids": torch.zeros(len(indices), 4)}


def test_examples_that_are_no_images_are_refused(small):
    """Data that gives a mapping cannot be used by an image network."""
    with pytest.raises(InputError, match=r"not images(.|\n)*data of type _Words"):
        training_rows(_Words(), small.rows, {})
