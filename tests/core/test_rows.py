"""Splits by source."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iin_core.errors import InputError
from iin_core.rows import SPLITS, assign_splits, check_splits

SHARES = (0.6, 0.15, 0.25)
sources = st.lists(st.integers(0, 60), min_size=1, max_size=40).map(lambda extra: list(range(20)) + extra)


@settings(max_examples=50)
@given(sources, st.integers(0, 5), st.randoms(use_true_random=False))
def test_a_split_is_a_property_of_the_source(source, seed, random):
    """Order of the rows, repetition and dtype change nothing, and no source lies on two sides."""
    split = assign_splits(source, shares=SHARES, seed=seed)
    side_of = dict(zip(source, split, strict=True))
    order = list(range(len(source)))
    random.shuffle(order)
    shuffled = [source[i] for i in order]
    for changed in (
        np.array(shuffled, np.int32),
        np.array(shuffled, np.float64),
        [str(s) for s in shuffled],
        pd.Series(shuffled, dtype="category"),
    ):
        again = assign_splits(changed, shares=SHARES, seed=seed)
        assert [side_of[s] for s in shuffled] == again.tolist()
    check_splits(source, split)


@settings(max_examples=30)
@given(st.integers(20, 400), st.integers(0, 3))
def test_shares_hold_over_sources(n, seed):
    """Each side has its share of the sources, to within one."""
    source = np.repeat(np.arange(n), np.arange(n) % 3 + 1)
    split = assign_splits(source, shares=SHARES, seed=seed)
    counts = pd.DataFrame({"source": source, "split": split}).drop_duplicates()["split"].value_counts()
    for side, share in zip(SPLITS, SHARES, strict=True):
        assert abs(counts[side] - share * n) <= 1


def test_another_seed_is_another_split():
    """The seed decides."""
    source = np.arange(100)
    splits = [assign_splits(source, shares=SHARES, seed=seed) for seed in (0, 1)]
    assert (splits[0] != splits[1]).any()


def test_the_split_of_named_sources_stays_the_same():
    """A recorded split is found again by every later version."""
    split = assign_splits([f"img_{i}" for i in range(20)], shares=SHARES, seed=0)
    assert "".join(side[0] for side in split) == GOLDEN


GOLDEN = "tttthtvhtttttthhhvvt"


def test_too_few_sources():
    """The error counts the sources, not the rows."""
    with pytest.raises(InputError, match="5 source examples are too few"):
        assign_splits(np.repeat(np.arange(5), 100), shares=SHARES, seed=0)


def test_a_row_without_source():
    """Rows are named."""
    with pytest.raises(InputError, match="2 rows have no source") as caught:
        assign_splits([1.0, np.nan, 2.0, np.nan], shares=SHARES, seed=0)
    assert caught.value.where == "rows 1, 3"


def test_a_leaking_split_is_found():
    """One row of a source on another side is enough."""
    source = np.repeat(np.arange(20), 3)
    split = assign_splits(source, shares=SHARES, seed=0)
    leaked = split.copy()
    i = int(np.flatnonzero(split == "heldout")[0])
    leaked[i] = "train"
    check_splits(source, split)
    with pytest.raises(InputError, match="leaks: 1 sources have rows on more than one side") as caught:
        check_splits(source, leaked)
    assert f"'{source[i]}'" in caught.value.where


@pytest.mark.parametrize(
    ("split", "what"),
    [
        (["train"] * 19 + ["test"], "holds 'test'"),
        (["train"] * 10 + ["validation"] * 10, "gives 0 sources to heldout"),
        (["train"] * 10 + ["validation"] * 9 + ["heldout"], "gives 1 sources to heldout"),
    ],
)
def test_splits_that_are_none(split, what):
    """Unknown words and empty sides are refused."""
    with pytest.raises(InputError, match=what):
        check_splits(np.arange(20), split)
