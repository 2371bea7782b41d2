"""The comparison of layers."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from iin_core.errors import InputError
from iin_core.figures import layers_compared


def _table(n_layers: int = 3, models: str = "mn", concepts: str = "ab") -> pd.DataFrame:
    rows = [
        (measure, model, f"layer{i}", i, concept, 0.1 * i, np.nan if i else 0.0, 0.2 * i)
        for measure, model, i, concept in product(
            ("carried", "leak"), models, reversed(range(n_layers)), concepts
        )
    ]
    return pd.DataFrame(
        rows, columns=["measure", "model", "layer", "index", "concept", "value", "low", "high"]
    )


def _text(folder: Path, table: pd.DataFrame) -> str:
    layers_compared(folder / "a.svg", table, title="t")
    return (folder / "a.svg").read_text(encoding="utf-8")


def test_layers_stand_in_the_order_of_depth_once_a_model(tmp_path: Path) -> None:
    """Below the last row of panels, whatever the order of the table's rows."""
    text = _text(tmp_path, _table())
    places = [text.index(f">layer{i}<") for i in range(3)]
    assert places == sorted(places)
    assert [text.count(f">layer{i}<") for i in range(3)] == [2, 2, 2]


def test_each_measure_model_and_concept_is_named_once(tmp_path: Path) -> None:
    """At the side, above, and in the legend."""
    text = _text(tmp_path, _table())
    names = ("carried", "leak", "m", "n", "a", "b")
    assert [text.count(f">{name}<") for name in names] == [1] * len(names)


def test_what_some_layers_lack_is_left_open(tmp_path: Path) -> None:
    """A concept that one model lacks has no line there and keeps its colour elsewhere."""
    table = _table()
    table = table[~((table["model"] == "m") & (table["concept"] == "a"))]
    table = table[~((table["measure"] == "leak") & (table["model"] == "n"))]
    assert _text(tmp_path, table).count(">a<") == 1


def test_many_layers_and_concepts_can_be_drawn_with_the_same_bytes(tmp_path: Path) -> None:
    """More than there are colours, and twice the same."""
    table = _table(12, "m", "abcdefghij")
    assert _text(tmp_path, table) == _text(tmp_path, table)


def test_a_table_without_rows_or_columns_is_refused(tmp_path: Path) -> None:
    """With what it lacks."""
    with pytest.raises(InputError, match="at least one row"):
        _text(tmp_path, _table().iloc[:0])
    with pytest.raises(InputError, match="lacks 'measure'"):
        _text(tmp_path, _table().drop(columns="measure"))


def test_no_panel_is_cut_off(monkeypatch, tmp_path):
    """A model whose values are higher than those of the first one is drawn whole."""
    from iin_core.figures import compared

    figures = []
    monkeypatch.setattr(compared, "save", lambda figure, path: figures.append(figure))
    entry = {"measure": "m", "concept": "c", "index": 1, "layer": "a", "low": 0.1, "high": 0.2}
    rows = [{**entry, "model": "x", "value": 0.15}, {**entry, "model": "y", "value": 0.9, "high": 0.95}]
    compared.layers_compared(tmp_path / "a.svg", pd.DataFrame(rows), title="t")
    low, high = figures[0].axes[1].get_ylim()
    assert -0.05 * high < low < 0  # so that marks at 0 are whole
    assert high > 0.95
