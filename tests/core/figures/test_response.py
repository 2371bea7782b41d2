"""Charts of responses."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from iin_core.errors import InputError
from iin_core.figures import response_bars, response_over_depth


def _bars() -> pd.DataFrame:
    return pd.DataFrame(
        [
            (factor, drawn, statistic, 0.5, np.nan if drawn == "rows" else 0.4, 0.6)
            for factor in ("residual", "digit", "col$our", "all")
            for drawn in ("prior", "rows")
            for statistic in ("kl", "tv", "class_std")
        ],
        columns=["factor", "drawn", "statistic", "value", "low", "high"],
    )


def _depth() -> pd.DataFrame:
    return pd.DataFrame(
        [
            ("m", f"layer{i}", 3 * i, factor, 0.1 * i, 0.0, np.nan)
            for i in reversed(range(4))
            for factor in ("digit", "all", "digit")
        ],
        columns=["model", "layer", "index", "factor", "value", "low", "high"],
    )


def test_each_factor_has_a_bar_and_all_of_them_are_the_ceiling(tmp_path: Path) -> None:
    """Factors stand at the side, statistics below, and `all` is a line instead of a bar."""
    response_bars(tmp_path / "a.svg", _bars(), title="t")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    for word in (
        "residual",
        "digit",
        "col$our",
        "from its prior",
        "from other rows",
        "all blocks drawn anew",
    ):
        assert f">{word}<" in text
    assert ">all<" not in text
    assert ">expected total variation<" in text


def test_layers_stand_in_the_order_of_depth(tmp_path: Path) -> None:
    """Whatever the order of rows, the first layer is at the left; seeds share a line's name."""
    response_over_depth(tmp_path / "a.svg", _depth(), title="t", label="total variation")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    places = [text.index(f">layer{i}<") for i in range(4)]
    assert places == sorted(places)
    assert text.count(">digit<") == 1
    assert text.count(">all blocks<") == 1


def test_equal_tables_give_equal_bytes(tmp_path: Path) -> None:
    """A figure is part of a sealed output."""
    for name in ("a.png", "b.png"):
        response_bars(tmp_path / name, _bars(), title="t")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_unusable_tables_are_refused(tmp_path: Path) -> None:
    """A missing column is named, and an empty table is not an empty figure."""
    with pytest.raises(InputError, match="lacks 'drawn'"):
        response_bars(tmp_path / "a.svg", _bars().drop(columns="drawn"), title="t")
    with pytest.raises(InputError, match="over depth needs at least one row"):
        response_over_depth(tmp_path / "a.svg", _depth()[:0], title="t", label="l")
