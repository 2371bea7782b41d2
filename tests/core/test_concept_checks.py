"""Columns that can or cannot be concepts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from iin_core.concept_checks import check_concepts
from iin_core.errors import InputError
from iin_core.spec import PairSpec

TABLE = pd.DataFrame(
    {
        "source": np.repeat(np.arange(30), 2),
        "digit": np.arange(60) // 2 % 3,
        "word": pd.Series(["a", "b", "c"] * 20),
        "size": np.linspace(0, 1, 60),
        "count": np.arange(60),
        "flat": np.ones(60),
        "lonely": [7, 7] + [1, 2] * 29,
        "one_row": [7] + [1] * 59,
        "holes": [None, "x"] * 30,
        "infinite": [np.inf] + [1.0] * 59,
        "nan": [np.nan, *range(59)],
        "empty": np.full(60, np.nan),
        "gaps": [None, pd.NA, np.nan, *(["x", "y", "z"] * 19)],
        "mixed": ["1", "two"] + ["3"] * 58,
        "many": [str(i) for i in range(60)],
    }
)


@pytest.mark.parametrize(
    ("name", "kind"), [("digit", "label"), ("word", "label"), ("size", "numeric"), ("digit", "numeric")]
)
def test_columns_that_serve(name, kind):
    """Labels of any type, and numbers."""
    check_concepts(TABLE, {name: PairSpec(kind=kind)})
    check_concepts(TABLE, {"other": PairSpec(kind=kind, column=name)})


REFUSED = {
    "absent": ("digits", "label", "The data has no column 'digits'", "nearest: digit"),
    "constant label": ("flat", "label", "is constant: every row is 1.0", "at least two values"),
    "constant number": ("flat", "numeric", "is constant", "at least two values"),
    "value of one source": (
        "lonely",
        "label",
        "only one source example shows: 1",
        "a pair needs two sources",
    ),
    "value seen once": ("one_row", "label", "only one source example shows: 1", "drop these rows"),
    "no label": ("empty", "label", "no value in any row", "give values"),
    "no number": ("empty", "numeric", "no value in any row", "give values"),
    "one label and gaps": ("holes", "label", "is constant: every row is 'x'", "at least two values"),
    "infinite": ("infinite", "numeric", "is infinite in 1 rows", "replace"),
    "text as number": ("mixed", "numeric", "such as 'two' in row 1", "{mixed: label}"),
    "number as label": ("size", "label", "60 of 60 values differ", "{size: numeric}"),
    "whole number as label": ("count", "label", "60 of 60 values differ", "specs={'count': 'numeric'}"),
}


@pytest.mark.parametrize(("name", "kind", "what", "fix"), REFUSED.values(), ids=REFUSED)
def test_columns_that_do_not_serve(name, kind, what, fix):
    """Each is refused with what to do."""
    with pytest.raises(InputError) as caught:
        check_concepts(TABLE, {name: PairSpec(kind=kind)})
    assert what in caught.value.what
    assert fix in caught.value.fix
    assert caught.value.where


def test_thousands_of_labels():
    """A column of identifiers is no concept."""
    n = 1001
    table = pd.DataFrame({"source": np.arange(2 * n), "id": np.tile(np.arange(n), 2)})
    with pytest.raises(InputError, match="has 1001 label values; at most 1000"):
        check_concepts(table, {"id": PairSpec()})


def test_thousands_of_numbers_as_labels_are_told_to_be_numeric():
    """A column of many whole numbers, each seen several times, is suggested to be a number."""
    table = pd.DataFrame({"source": np.arange(6000), "count": np.arange(6000) % 2000})
    with pytest.raises(InputError, match="has 2000 label values") as caught:
        check_concepts(table, {"count": PairSpec()})
    assert "{count: numeric}" in caught.value.fix


@pytest.mark.parametrize("other", ["hue", "digit"])
def test_given_names_another_concept(other):
    """A concept can be drawn apart only from another one that has values."""
    table = pd.DataFrame({"digit": np.arange(60) % 3, "odd": np.arange(60) // 3 % 2})
    with pytest.raises(InputError, match=f"'digit' is given '{other}'") as caught:
        check_concepts(table, {"digit": PairSpec(given=(other,)), "odd": PairSpec()})
    assert caught.value.fix == "nearest: odd"
