"""Charts of edits."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from iin_core.errors import InputError
from iin_core.figures import confusion_matrix, edit_curves, value_curve

CURVES = pd.DataFrame(
    [
        {"panel": p, "line": line, "x": x, "value": x / 2, "low": x / 3, "high": x / 1.5}
        for p in ("to yes", "to no", "to a", "to b")
        for line in ("reader: as asked", "reader: rest kept")
        for x in (0, 0.5, 1, 1.5)
    ]
)
CONFUSION = pd.DataFrame(
    [{"asked": a, "read": r, "share": float(a == r)} for a in ("cat", "dog") for r in ("cat", "dog")]
)


def test_curves_name_panels_and_lines(tmp_path: Path) -> None:
    """Each value asked for has a panel, each line a name; the bytes are the same twice."""
    for name in ("a.svg", "b.svg"):
        edit_curves(tmp_path / name, CURVES, title="Edits", across="strength")
    text = (tmp_path / "a.svg").read_text()
    assert text == (tmp_path / "b.svg").read_text()
    for words in ("to yes", "to b", "reader: as asked", "reader: rest kept", "strength"):
        assert f">{words}<" in text


def test_intervals_may_be_missing(tmp_path: Path) -> None:
    """Without resamplings there is a line without a band."""
    edit_curves(tmp_path / "a.png", CURVES.assign(low=np.nan, high=np.nan), title="t", across="x")
    value_curve(tmp_path / "b.svg", CURVES.assign(low=np.nan), title="t", across="brightness")
    assert "brightness asked for" in (tmp_path / "b.svg").read_text()


def test_what_was_read_as_asked_is_dark(tmp_path: Path) -> None:
    """The diagonal of a perfect transfer is the darkest shade, the rest the palest."""
    confusion_matrix(tmp_path / "a.png", CONFUSION, title="t")
    pixels = np.array(Image.open(tmp_path / "a.png").convert("RGB")).reshape(-1, 3)
    counts = [(pixels == colour).all(1).sum() for colour in ((0x08, 0x30, 0x6B), (0xF1, 0xF4, 0xF7))]
    assert counts[0] > 200
    assert abs(counts[0] - counts[1]) < 0.5 * counts[1]


def test_many_classes_are_shades(tmp_path: Path) -> None:
    """With more than a dozen classes no cell has a number."""
    names = [f"c{i}" for i in range(20)]
    table = pd.DataFrame([{"asked": a, "read": r, "share": 0.05} for a in names for r in names])
    confusion_matrix(tmp_path / "a.svg", table, title="t")
    text = (tmp_path / "a.svg").read_text()
    assert ">0.05<" not in text
    assert ">c19<" in text


@pytest.mark.parametrize("draw", [edit_curves, value_curve, confusion_matrix])
def test_empty_and_foreign_tables_are_refused(tmp_path: Path, draw) -> None:
    """Nothing to draw, and columns that are missing."""
    more = {} if draw is confusion_matrix else {"across": "x"}
    whole = CONFUSION if draw is confusion_matrix else CURVES
    with pytest.raises(InputError, match="nothing to draw"):
        draw(tmp_path / "a.svg", whole[:0], title="t", **more)
    with pytest.raises(InputError, match="lacks"):
        draw(tmp_path / "a.svg", whole.drop(columns=whole.columns[-1]), title="t", **more)
