"""Rows and classes of a study, before anything is run."""

import pandas as pd

from iin_core.spec import PairSpec
from tasks.data_sizes import data_sizes
from tasks.study import SplitSpec

TABLE = pd.DataFrame(
    {
        "source": range(20),
        "half": ["train"] * 12 + ["heldout"] * 8,
        "digit": [0, 1, 2, 1] * 5,
        "brightness": [x / 7 for x in range(20)],
    }
)
CONCEPTS = {
    "digit": PairSpec(column="digit"),
    "light": PairSpec(kind="numeric", column="brightness"),
    "sketch": PairSpec(kind="pairs", file="pairs.csv"),
}


def test_classes_are_labels_or_quintiles() -> None:
    """A label has its values, a number five bins, a table of pairs nothing that is read."""
    assert data_sizes(TABLE, SplitSpec(), CONCEPTS).n_classes == {"digit": 3, "light": 5}


def test_rows_follow_the_shares_or_the_column() -> None:
    """Without a column the shares tell how many rows a side has."""
    shared = data_sizes(TABLE, SplitSpec(), {})
    assert (shared.n_train, shared.n_heldout) == (12, 5)
    given = data_sizes(TABLE, SplitSpec(column="half"), {})
    assert (given.n_train, given.n_heldout) == (12, 8)
    missing = data_sizes(TABLE, SplitSpec(column="nowhere"), {})
    assert missing.n_heldout == 5
