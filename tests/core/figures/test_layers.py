"""The layer × concept chart."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from iin_core.errors import InputError
from iin_core.figures import layer_concept_chart

_COLUMNS = ["model", "layer", "index", "concept", "accuracy", "chance", "low", "high"]


def _table(n_layers: int, concepts: str, model: str = "m") -> pd.DataFrame:
    rows = [
        (model, f"layer{i}", 3 * i, c, 0.9, 0.1, 0.85 if i else np.nan, 0.95)
        for i in reversed(range(n_layers))
        for c in concepts
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)


def test_layers_stand_in_the_order_of_depth_whatever_the_order_of_rows(tmp_path: Path) -> None:
    """The axis is depth, so that a reader sees what is lost on the way."""
    layer_concept_chart(tmp_path / "a.svg", _table(4, "ab"), title="t")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    places = [text.index(f">layer{i}<") for i in range(4)]
    assert places == sorted(places)


def test_each_concept_is_named_with_its_chance(tmp_path: Path) -> None:
    """An accuracy without its chance says nothing."""
    layer_concept_chart(tmp_path / "a.svg", _table(2, "a"), title="t")
    assert ">a (chance 0.10)<" in (tmp_path / "a.svg").read_text(encoding="utf-8")


def test_several_models_many_layers_and_more_concepts_than_colours_can_be_drawn(tmp_path: Path) -> None:
    """Nothing limits the size of a study but the width of the page."""
    table = pd.concat([_table(30, "abcdefghijkl"), _table(1, "a", "$other$")])
    layer_concept_chart(tmp_path / "a.svg", table, title="t")
    assert ">$other$<" in (tmp_path / "a.svg").read_text(encoding="utf-8")


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    """No evaluation, no chart."""
    with pytest.raises(InputError, match="at least one row"):
        layer_concept_chart(tmp_path / "a.svg", _table(0, "a"), title="t")
