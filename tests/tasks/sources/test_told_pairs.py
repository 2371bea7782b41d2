"""Pairs that the data tells itself: versions of one thing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from iin_core.errors import InputError
from iin_core.spec import PairSpec
from tasks.plan import make_plan
from tasks.rows import make_rows
from tasks.sources.concepts import check_concept, check_set, pair_tables
from tasks.study_file import load_study
from tests.tasks.sources.sketches_world import write_world

SPEC = PairSpec(kind="pairs", column="thickness", rho=0.9)
TABLE = pd.DataFrame(
    {
        "source": np.repeat(np.arange(10), 3),
        "split": ["train"] * 18 + ["validation"] * 6 + ["heldout"] * 6,
        "pair": np.repeat(np.arange(10), 3),
        "thickness": ["original", "thin", "thick"] * 10,
    }
)

STUDY = """
iin: 1
name: strokes
data:
  source:
    builtin: sketches
    arguments:
      images: {import: "sketched_images:images", arguments: {n: 40}}
      concept: thickness
      sketches: [thin.png, thick.png]
      settings: {sweeps: 1, directions: 4}
models:
  net:
    source: {import: "sketched_images:network"}
    layers: {"3": flatten}
concepts:
  thickness: {thickness: pairs}
  same-sketch: {sketch: label}
"""


def test_each_two_versions_are_a_pair_that_differs_in_the_concept(tmp_path):
    """Versions of one source, the residual shared too."""
    check_concept("thickness", SPEC, TABLE, tmp_path)
    check_set({"thickness": SPEC}, TABLE, tmp_path)
    [pairs] = pair_tables({"thickness": SPEC}, TABLE, tmp_path)["thickness"]
    assert pairs.differs == ["thickness"]
    assert pairs.shares is None
    found = set(zip(np.asarray(pairs.a).tolist(), np.asarray(pairs.b).tolist(), strict=True))
    assert found == {(3 * i + a, 3 * i + b) for i in range(10) for a, b in ((0, 1), (0, 2), (1, 2))}
    assert (np.asarray(pairs.rho) == 0.9).all()


def test_versions_that_are_unknown_or_alike_make_no_pair(tmp_path):
    """A missing value says nothing, and what does not differ is no change."""
    table = TABLE.assign(thickness=["thin", None, "thin", "thin", "thick", None, *TABLE["thickness"][6:]])
    [pairs] = pair_tables({"thickness": SPEC}, table, tmp_path)["thickness"]
    assert np.asarray(pairs.a).tolist()[:2] == [3, 6]
    assert np.asarray(pairs.b).tolist()[:2] == [4, 7]


def test_rows_that_are_the_same_in_the_concept_share_it_beside(tmp_path):
    """Of one value and one side of the split, of different sources, the same ones each time."""
    same = pd.Series(np.where(TABLE["thickness"] == "original", None, TABLE["thickness"]), dtype=object)
    table = TABLE.assign(**{"same thickness": same})
    check_concept("thickness", SPEC, table, tmp_path)
    negative, sharing = pair_tables({"thickness": SPEC}, table, tmp_path)["thickness"]
    assert negative.differs == sharing.shares == ["thickness"]
    a, b = np.asarray(sharing.a), np.asarray(sharing.b)
    for column in ("same thickness", "split"):
        assert (table[column].to_numpy()[a] == table[column].to_numpy()[b]).all()
    assert (table["source"].to_numpy()[a] != table["source"].to_numpy()[b]).all()
    assert not set(a.tolist()) & set(np.flatnonzero(same.isna()).tolist())
    again = pair_tables({"thickness": SPEC}, table, tmp_path)["thickness"][1]
    assert np.array_equal(np.asarray(again.b), b)


@pytest.mark.parametrize(
    ("table", "what", "fix"),
    [
        (TABLE.drop(columns="pair"), "no column 'pair' that tells which rows are versions", "pairs.csv"),
        (TABLE.rename(columns={"thickness": "thick"}), "no column 'thickness' that tells", "nearest: thick"),
        (TABLE.assign(thickness="thin"), "differ in 'thickness', so there are no pairs", "give each thing"),
        (TABLE.assign(source=np.arange(30)), "come from several sources", "one source"),
        (
            TABLE.assign(split=["heldout"] * 29 + ["train"]),
            "Of 30 pairs 0 have both of their rows in the training rows",
            "give more pairs",
        ),
    ],
)
def test_tables_that_tell_no_pairs_are_refused(tmp_path, table, what, fix):
    """Each in words."""
    with pytest.raises(InputError) as caught:
        check_concept("thickness", SPEC, table, tmp_path)
    assert what in caught.value.what
    assert fix in caught.value.fix
    assert caught.value.where


def test_a_study_of_sketches_seals_its_pairs_without_a_file(tmp_path, root, monkeypatch):
    """`thickness: pairs` in a set; the pairs are part of the data's fingerprint."""
    monkeypatch.setenv("IIN_CACHE", str(tmp_path / "cache"))
    write_world(tmp_path)
    (tmp_path / "study.yaml").write_text(STUDY)
    plan = make_plan(load_study(tmp_path / "study.yaml"))
    rows = make_rows(plan, root)
    assert rows.meta["pairs"] == 120
    assert set(plan.rows.fingerprints) == {"data"}
    unit = next(unit for unit in plan.units if unit.concepts == "thickness")
    assert unit.factors["thickness"].column == "thickness"
