"""The leakage matrix."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from iin_core.errors import InputError
from iin_core.figures import leakage_matrix

_TABLE = pd.DataFrame(
    [
        ("all", "digit", 0.99, 0.10, 0.11),
        ("residual", "digit", 0.13, 0.10, 0.11),
        ("digit", "digit", 0.98, 0.10, 0.12),
        ("all", "light (quintile)", 0.71, 0.20, 0.19),
        ("residual", "light (quintile)", 0.62, 0.20, 0.21),
        ("digit", "light (quintile)", np.nan, 0.20, np.nan),
    ],
    columns=["block", "concept", "accuracy", "chance", "control"],
)


def test_each_cell_says_its_accuracy_and_each_concept_its_chance(tmp_path: Path) -> None:
    """Shades are for the eye; the numbers are there to be read, and what is missing says so."""
    leakage_matrix(tmp_path / "a.svg", _TABLE, title="t")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    for part in (
        "0.99",
        "0.13",
        "0.98",
        "0.71",
        "0.62",
        "n/a",
        "chance 0.10",
        "chance 0.20",
        "shuffled 0.12",
    ):
        assert f">{part}<" in text, part
    assert ">whole code<" in text


def test_names_are_drawn_as_they_are(tmp_path: Path) -> None:
    """Dollar signs make no mathematics, angle brackets no markup, and any script can be a PNG."""
    table = _TABLE.assign(concept=_TABLE["concept"].str.replace("digit", "<b>$x_1$ 数字"))
    leakage_matrix(tmp_path / "a.svg", table, title="<script>$\\frac{$")
    leakage_matrix(tmp_path / "a.png", table, title="<script>$\\frac{$")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "&lt;b&gt;$x_1$ 数字" in text
    assert "<script" not in text


def test_equal_tables_give_equal_bytes(tmp_path: Path) -> None:
    """A figure made again is the same file."""
    for suffix in ("png", "svg"):
        leakage_matrix(tmp_path / f"a.{suffix}", _TABLE, title="t")
        leakage_matrix(tmp_path / f"b.{suffix}", _TABLE.copy(), title="t")
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_two_rows_for_a_cell_are_refused(tmp_path: Path) -> None:
    """One of them would hide the other."""
    with pytest.raises(InputError, match="exactly one row") as caught:
        leakage_matrix(tmp_path / "a.png", pd.concat([_TABLE, _TABLE]), title="t")
    assert "one method and one probe" in caught.value.fix
