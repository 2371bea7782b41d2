"""Training curves."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from iin_core.errors import InputError
from iin_core.figures import curves


def _table(n: int) -> pd.DataFrame:
    x = np.arange(n, dtype=float)
    gaps = np.where(x % 10 == 0, 1 / (1 + x), np.nan)
    return pd.DataFrame({"update": x, "loss": 1e6 / (1 + x), "nll_train": gaps, "nll_validation": gaps})


def _labels(svg: Path) -> str:
    return svg.read_text(encoding="utf-8")


def test_values_that_were_not_written_down_leave_no_gap_and_no_warning(tmp_path: Path) -> None:
    """The NLL is measured now and then only; a run of one update can be drawn too."""
    curves(tmp_path / "a.svg", _table(200), title="t")
    curves(tmp_path / "b.svg", _table(1), title="t")
    assert "validation rows" in _labels(tmp_path / "a.svg")
    assert "NLL per dimension (nats)" in _labels(tmp_path / "b.svg")


def test_the_first_updates_do_not_flatten_the_rest(tmp_path: Path) -> None:
    """A start a thousand times higher than the end leaves the frame."""
    curves(tmp_path / "a.svg", _table(400), title="t")
    assert ">1000000<" not in _labels(tmp_path / "a.svg")


def test_unusable_tables_are_refused(tmp_path: Path) -> None:
    """A missing column is named, and an empty table is not an empty figure."""
    with pytest.raises(InputError, match="lacks 'loss'"):
        curves(tmp_path / "a.svg", _table(3).drop(columns="loss"), title="t")
    with pytest.raises(InputError, match="at least one row"):
        curves(tmp_path / "a.svg", _table(0), title="t")
