"""Files of pairs: rows or ids, what they share or differ in, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from iin_core.errors import InputError
from iin_core.spec import PairSpec
from tasks.layer_rows import LayerRows, read_table
from tasks.layer_rows import read_pairs as sealed_pairs
from tasks.plan import make_plan
from tasks.rows import make_rows
from tasks.sources.concepts import check_concept, check_set, pair_tables
from tasks.sources.concepts.pair_table import fingerprint, read_pairs
from tasks.study_file import load_study
from tests.tasks.toy_study import write_toy

TABLE = pd.DataFrame(
    {
        "source": np.arange(40) // 2,
        "split": ["train"] * 20 + ["validation"] * 8 + ["heldout"] * 12,
        "digit": np.arange(40) % 2,
        "name": [f"img{i}" for i in range(40)],
    }
)
SPEC = PairSpec(kind="pairs", file="round.csv", rho=0.9)


def write(folder, text):
    (folder / "round.csv").write_text(text)
    return folder


def read(folder, text, **changes):
    return read_pairs("round", SPEC.model_copy(update=changes), write(folder, text), TABLE)


def test_row_numbers_share_the_concept_unless_said_otherwise(tmp_path):
    """Lines without a word share the concept with its correlation; others say what they share."""
    pairs = read(tmp_path, "a,b,shares,differs,rho\n0,2,,,\n4,6,digit/round,,0.5\n8,12,,round,\n")
    assert pairs["a"].tolist() == [0, 4, 8]
    assert pairs["shares"].tolist() == ["round", "digit/round", ""]
    assert pairs["differs"].tolist() == ["", "", "round"]
    assert pairs["rho"].tolist() == [0.9, 0.5, 0.9]
    tables = pair_tables({"round": SPEC, "digit": PairSpec()}, TABLE, tmp_path)["round"]
    assert [(t.shares, t.differs) for t in tables] == [
        (["round"], None),
        (["digit", "round"], None),
        (None, ["round"]),
    ]


def test_ids_name_rows_by_a_column_and_parquet_is_read_too(tmp_path):
    """`column` says what a and b are; numbers and text of the same digits are alike."""
    assert read(tmp_path, "a,b\nimg3,img9\n", column="name")[["a", "b"]].to_numpy().tolist() == [[3, 9]]
    pd.DataFrame({"a": [1.0, 3.0], "b": ["5", "7"]}).to_parquet(tmp_path / "round.parquet")
    pairs = read_pairs("round", SPEC.model_copy(update={"file": "round.parquet"}), tmp_path, TABLE)
    assert pairs[["a", "b"]].to_numpy().tolist() == [[1, 5], [3, 7]]


@pytest.mark.parametrize(
    ("text", "changes", "what"),
    [
        ("x,b\n1,2\n", {}, "has no column 'a', a column 'x'"),
        ("a,b\n", {}, "is empty"),
        ("", {}, "cannot be read"),
        ("a,b\n1,\n", {}, "A pair lacks a row: 1 rows have no source"),
        ("a,b\n1,99\n3,two\n", {}, "2 pairs name rows that do not exist: '99', 'two'"),
        ("a,b\nimg1,img99\n", {"column": "name"}, "1 pairs name rows that do not exist: 'img99'"),
        ("a,b\n1,2\n", {"column": "nam"}, "no column 'nam' that pairs could name"),
        ("a,b\n1,2\n", {"column": "digit"}, "names several rows '0'"),
        ("a,b,rho\n1,2,high\n", {}, "'rho' does not hold numbers"),
        ("a,b\n1,2\n", {"file": "square.csv"}, "There is no file 'square.csv'"),
    ],
)
def test_files_that_are_no_table_of_pairs_are_refused(tmp_path, text, changes, what):
    """Each in words, with the file."""
    with pytest.raises(InputError) as caught:
        read(tmp_path, text, **changes)
    assert what in caught.value.what
    assert caught.value.where
    assert caught.value.fix


def test_another_ending_is_refused(tmp_path):
    """A spreadsheet is neither CSV nor Parquet."""
    (tmp_path / "round.xlsx").write_bytes(b"")
    with pytest.raises(InputError, match="neither CSV nor Parquet"):
        read_pairs("round", SPEC.model_copy(update={"file": "round.xlsx"}), tmp_path, TABLE)


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ("3,3\n4,6\n", "1 pairs join a row with itself"),
        ("2,3\n4,6\n", "1 pairs join two rows of one source"),
        ("2,4\n2,4\n4,2\n", "All 3 pairs are the same one: rows 2 and 4"),
        ("30,32\n34,36\n0,2\n", "Of 3 pairs 1 have both of their rows in the training rows"),
        ("0,2,,,1.5\n", "strictly between 0 and 1"),
        ("0,2,round,round,\n", "exactly one of shares and differs"),
    ],
)
def test_pairs_that_cannot_be_are_refused(tmp_path, lines, what):
    """What the rows forbid is told before any compute."""
    header = "a,b,shares,differs,rho\n" if lines.startswith("0,2,") else "a,b\n"
    write(tmp_path, header + lines)
    with pytest.raises(InputError) as caught:
        check_concept("round", SPEC, TABLE, tmp_path)
    assert what in caught.value.what


def test_pairs_are_held_against_the_concepts_of_their_set(tmp_path):
    """A concept that the set has not, and labels that say otherwise, are told."""
    factors = {"round": SPEC, "digit": PairSpec()}
    write(tmp_path, "a,b,shares\n0,2,round/digits\n4,8,round\n")
    with pytest.raises(InputError, match="names 'digits', which is no concept of the set") as caught:
        check_set(factors, TABLE, tmp_path)
    assert "nearest: digit" in caught.value.fix
    write(tmp_path, "a,b,shares\n0,3,round/digit\n4,8,round/digit\n")
    with pytest.raises(InputError, match="1 pairs share 'digit', but their rows have two labels"):
        check_set(factors, TABLE, tmp_path)


def test_sealed_rows_hold_the_pairs_and_layers_get_those_of_their_split(tmp_path, root):
    """The file's content is in the key; training rows come with the pairs among them."""
    lines = "".join(f"{i},{i + 7}\n" for i in range(50))
    (tmp_path / "near.csv").write_text("a,b\n" + lines)
    change = ("none: {}", "near: {near: {kind: pairs, file: near.csv}}")
    path = write_toy(tmp_path, change)
    plan = make_plan(load_study(path))
    rows = make_rows(plan, root)
    assert rows.meta["pairs"] == 50
    unit = next(unit for unit in plan.units if unit.concepts == "near")
    assert unit.factors["near"].column is None
    table = read_table(root, plan.rows.key)
    z = np.arange(len(table) * 6, dtype=np.float32).reshape(-1, 6)
    train = (table["split"] == "train").to_numpy()
    layer = LayerRows(torch.from_numpy(z), table, sealed_pairs(root, plan.rows.key))
    loaded = layer.of("train")
    assert loaded.columns(unit.factors) == {}
    (pairs,) = loaded.tables(unit.factors)
    assert pairs.shares == ["near"]
    places = np.flatnonzero(train)
    assert (places[pairs.b] - places[pairs.a] == 7).all()
    assert len(pairs.a) == sum(train[i] and train[i + 7] for i in range(50))
    (tmp_path / "near.csv").write_text("a,b\n1,2\n" + lines)
    assert make_plan(load_study(path)).rows.key != plan.rows.key


def test_the_fingerprint_is_of_the_content(tmp_path):
    """Another line is another fingerprint, another name is not."""
    write(tmp_path, "a,b\n1,2\n")
    one = fingerprint(SPEC, tmp_path)
    (tmp_path / "same.csv").write_text("a,b\n1,2\n")
    assert fingerprint(SPEC.model_copy(update={"file": "same.csv"}), tmp_path) == one
    write(tmp_path, "a,b\n1,3\n")
    assert fingerprint(SPEC, tmp_path) != one
