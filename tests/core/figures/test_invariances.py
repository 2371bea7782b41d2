"""Charts of what layers discard."""

import pandas as pd
import pytest

from iin_core.errors import InputError
from iin_core.figures.invariances import invariance_dots, invariances_over_depth


def _table():
    rows = [
        (layer, i, code, concept, value, value - 0.05, value + 0.05, 0.2)
        for i, layer in enumerate(["conv1", "conv2", "fc"])
        for code, value in (
            ("z", 0.9 - 0.3 * i),
            ("embedding", 0.85 - 0.3 * i),
            ("v", 0.3 * i),
            ("z_bar", 1.0),
        )
        for concept in ("digit", "<b>$x$")
    ]
    columns = ["layer", "index", "code", "concept", "accuracy", "low", "high", "chance"]
    return pd.DataFrame(rows, columns=columns).assign(model="net")


def test_both_charts_say_what_they_show(tmp_path):
    """Names, the codes in words, and every layer stand in it; the same numbers give the same bytes."""
    table = _table()
    invariance_dots(tmp_path / "a.svg", table[table["layer"] == "fc"], title="fc")
    invariances_over_depth(tmp_path / "b.svg", table, title="depth")
    invariances_over_depth(tmp_path / "c.svg", table, title="depth")
    one, many = ((tmp_path / name).read_text(encoding="utf-8") for name in ("a.svg", "b.svg"))
    for text in ("digit", "v: what the layer discards", "chance", "&lt;b&gt;$x$"):
        assert text in one
        assert text in many
    assert all(layer in many for layer in ("conv1", "conv2", "fc"))
    assert (tmp_path / "b.svg").read_bytes() == (tmp_path / "c.svg").read_bytes()


def test_an_empty_table_is_refused(tmp_path):
    """There is nothing to draw without a row, or without its columns."""
    with pytest.raises(InputError, match="at least one row"):
        invariance_dots(tmp_path / "a.svg", _table()[:0], title="t")
    with pytest.raises(InputError, match="lacks 'index'"):
        invariances_over_depth(tmp_path / "a.svg", _table().drop(columns="index"), title="t")
