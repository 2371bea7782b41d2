"""The row table: split by source, stored with what is known of its columns."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import StudyError
from tasks.plan import make_plan
from tasks.rows import dependence, describe_columns, make_rows, split_table
from tasks.sources.data.data import make_data
from tasks.study import SourceSpec, SplitSpec
from tasks.study_file import load_study
from tests.tasks.toy_study import write_toy


def data(**columns):
    n = len(next(iter(columns.values())))
    return make_data((np.zeros((n, 2)), columns), "mine")


def test_the_sealed_table(tmp_path, root):
    """Rows stand in the order of the data, source and split in front of its columns."""
    plan = make_plan(load_study(write_toy(tmp_path)))
    output = make_rows(plan, root)
    with output.file("rows.parquet").open("rb") as file:
        table = pd.read_parquet(file)
    assert list(table.columns) == ["source", "split", "digit", "size", "flat"]
    assert table["digit"].tolist() == [i % 3 for i in range(60)]
    assert table["split"].value_counts().to_dict() == {"train": 36, "heldout": 15, "validation": 9}
    described = json.loads(output.file("concepts.json").read_text())
    assert described["columns"]["digit"]["values"] == [0, 1, 2]
    assert described["columns"]["digit"]["chance"] == pytest.approx(1 / 3)
    assert described["columns"]["size"]["kind"] == "numeric"
    assert output.meta["n_rows"] == 60
    assert output.meta["sources"] == {"heldout": 15, "train": 36, "validation": 9}


def test_made_again_it_is_the_same(tmp_path, root):
    """A second call reuses; a second root gets the same bytes."""
    from tasks.output import open_root

    plan = make_plan(load_study(write_toy(tmp_path)))
    first = make_rows(plan, root)
    assert make_rows(plan, root).path == first.path
    other = make_rows(plan, open_root(str(tmp_path / "other")))
    for name in ("rows.parquet", "concepts.json"):
        assert other.file(name).read_bytes() == first.file(name).read_bytes()


def test_data_that_changed_since_the_plan_is_refused(tmp_path, root):
    """A key must not name what it does not hold."""
    plan = make_plan(load_study(write_toy(tmp_path)))
    source = SourceSpec(**{"import": "toy_code:data"}, arguments={"n": 61})
    data_spec = plan.study.data.model_copy(update={"source": source})
    changed = replace(plan, study=plan.study.model_copy(update={"data": data_spec}))
    with pytest.raises(StudyError, match="changed since the plan was made"):
        make_rows(changed, root)
    assert root.find(plan.rows) is None


def test_a_split_of_the_data_is_kept():
    """The named column becomes `split`."""
    side = ["train"] * 6 + ["validation"] * 2 + ["heldout"] * 2
    table = split_table(data(side=side, digit=range(10)), SplitSpec(column="side"))
    assert table["split"].tolist() == side
    table = split_table(data(split=side, digit=range(10)), SplitSpec(column="split"))
    assert list(table.columns) == ["source", "split", "digit"]


SPLITS = {
    "absent": (
        {"digit": range(10)},
        SplitSpec(column="side"),
        "has no column 'side' that could hold the split",
    ),
    "unnamed": (
        {"split": ["train"] * 10},
        SplitSpec(),
        "a column called 'split' that the study does not use",
    ),
    "too few": ({"digit": range(5)}, SplitSpec(), "5 source examples are too few"),
    "leak": (
        {"source": [0, 1, 2, 3, 4] * 2, "side": ["train"] * 5 + ["heldout"] * 5},
        SplitSpec(column="side"),
        "The split leaks: 5 sources",
    ),
}


@pytest.mark.parametrize(("columns", "spec", "what"), SPLITS.values(), ids=SPLITS)
def test_splits_that_are_refused(columns, spec, what):
    """A leak, a missing column, a column that would be overwritten."""
    with pytest.raises(StudyError) as caught:
        split_table(data(**columns), spec)
    assert what in caught.value.what
    assert caught.value.fix


def test_columns_that_cannot_be_stored(tmp_path, root):
    """Parquet wants one type in a column; the column is named."""
    code = "data: {import: toy_code:data, arguments: {mixed: [MIXED]}}"
    mixed = ", ".join(["1", "x"] * 30)
    plan = make_plan(load_study(write_toy(tmp_path, ("data: toy_code:data", code.replace("MIXED", mixed)))))
    with pytest.raises(StudyError, match="cannot be stored") as caught:
        make_rows(plan, root)
    assert "mixed" in caught.value.what + caught.value.where


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=80))
def test_dependence_is_a_share(pairs):
    """Between 0 and 1, the same either way, and 1 of a column with itself."""
    a, b = (pd.Series(column) for column in zip(*pairs, strict=True))
    one, other = dependence({"a": a, "b": b})["a"]["b"], dependence({"b": b, "a": a})["b"]["a"]
    assert 0 <= one <= 1
    assert one == pytest.approx(other)
    if a.nunique() > 1:
        assert dependence({"a": a, "again": a})["a"]["again"] == pytest.approx(1)


def test_independent_columns_do_not_depend():
    """Every combination equally often."""
    a, b = np.meshgrid(np.arange(3), np.arange(4))
    assert dependence({"a": pd.Series(a.ravel()), "b": pd.Series(b.ravel())})["a"]["b"] == pytest.approx(0)


def test_column_facts():
    """Chance is the share of the most frequent label, entropy is in nats; other columns are left out."""
    table = pd.DataFrame(
        {
            "source": range(8),
            "split": "train",
            "dependence": ["x"] * 6 + ["y"] * 2,
            "even": [True, False] * 4,
            "name": [f"n{i}" for i in range(8)],
            "size": [0.0, 2.0, np.nan, 1.0] * 2,
        }
    )
    described = describe_columns(table)
    label = described["columns"]["dependence"]
    assert label["chance"] == 0.75
    assert label["entropy"] == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))
    assert described["columns"]["even"]["values"] == [False, True]
    assert described["columns"]["size"] == {
        "kind": "numeric",
        "n_values": 3,
        "min": 0.0,
        "max": 2.0,
        "mean": 1.0,
        "std": pytest.approx(0.8165, abs=1e-4),
    }
    assert "name" not in described["columns"]
    json.dumps(described, allow_nan=False)
