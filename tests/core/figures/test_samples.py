"""Sheets of samples and the chart of generators."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from iin_core.errors import InputError
from iin_core.figures import generator_chart, sample_sheet


def _flat(colour: tuple[float, float, float], n: int = 4) -> np.ndarray:
    return np.ones((n, 3, 8, 8), np.float32) * np.array(colour, np.float32)[:, None, None]


def test_each_set_has_a_block_of_its_own_from_left_to_right(tmp_path: Path) -> None:
    """The pixels of the first set lie left of those of the second."""
    sample_sheet(tmp_path / "a.png", {"one": _flat((1, 0, 0)), "two": _flat((0, 0, 1))}, title="t", columns=2)
    pixels = np.array(Image.open(tmp_path / "a.png").convert("RGB"))
    red, blue = ((pixels == np.array(c) * 255).all(-1) for c in ((1, 0, 0), (0, 0, 1)))
    assert red.sum() == blue.sum() > 1000
    assert np.argwhere(red)[:, 1].max() < np.argwhere(blue)[:, 1].min()


def test_images_fill_lines_and_what_is_missing_stays_white(tmp_path: Path) -> None:
    """Three grey images in lines of two leave the last place of the second line empty."""
    images = np.zeros((3, 1, 8, 8))
    sample_sheet(tmp_path / "a.png", {"one": images}, title="t", columns=2)
    dark = (np.array(Image.open(tmp_path / "a.png").convert("L")) == 0).nonzero()
    rows, columns = (dark[i] - dark[i].min() for i in (0, 1))
    half = (rows.max() + 1) / 2, (columns.max() + 1) / 2
    assert not ((rows > half[0] + 2) & (columns > half[1] + 2)).any()
    assert ((rows > half[0] + 2) & (columns < half[1] - 2)).any()


def test_the_same_samples_give_the_same_bytes(tmp_path: Path) -> None:
    """Sheets and charts alike."""
    table = _table()
    for name in ("a", "b"):
        sample_sheet(tmp_path / f"{name}.png", {"x": _flat((1, 0, 0))}, title="t")
        generator_chart(tmp_path / f"{name}.svg", table, title="t")
    for end in ("png", "svg"):
        assert (tmp_path / f"a.{end}").read_bytes() == (tmp_path / f"b.{end}").read_bytes()


def _table() -> pd.DataFrame:
    rows = [
        {"method": name, "fid": v, "precision": 0.5, "recall": 0.4} for name, v in (("A", 3.0), ("B", 8.0))
    ]
    table = pd.DataFrame(rows)
    for name in ("fid", "precision", "recall"):
        table[f"{name}_low"], table[f"{name}_high"] = table[name] - 0.1, table[name] + 0.1
    return table


def test_the_chart_names_methods_and_writes_their_numbers(tmp_path: Path) -> None:
    """A method without a value keeps its line and has no number."""
    table = _table()
    table.loc[1, ["precision", "recall"]] = np.nan
    generator_chart(tmp_path / "a.svg", table, title="title")
    text = (tmp_path / "a.svg").read_text()
    assert all(f">{word}<" in text for word in ("A", "B", "3", "8", "title", "FID, less is better"))
    assert "nan" not in text.lower().replace("enable", "")


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    """No sets, no images, values that are not finite, and a table without its columns."""
    path = tmp_path / "a.png"
    with pytest.raises(InputError, match="at least one set"):
        sample_sheet(path, {}, title="t")
    with pytest.raises(InputError, match="samples of 'x' are not images"):
        sample_sheet(path, {"x": np.zeros((2, 5, 4, 4))}, title="t")
    with pytest.raises(InputError, match="samples of 'x' hold values that are not finite"):
        sample_sheet(path, {"x": _flat((np.nan, 0, 0))}, title="t")
    with pytest.raises(InputError, match="table for generators lacks 'fid_low'"):
        generator_chart(path, _table().drop(columns="fid_low"), title="t")
