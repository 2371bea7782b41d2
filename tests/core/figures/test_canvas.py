"""What all figures share."""

from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from upath import UPath

from iin_core.errors import InputError
from iin_core.figures import curves
from iin_core.figures.canvas import SERIES, drawing, head, name_text, new_figure, title_lines

_TABLE = pd.DataFrame(
    {
        "update": np.arange(40),
        "loss": np.linspace(9, 1, 40),
        "nll_train": np.linspace(2, 0.5, 40),
        "nll_validation": np.linspace(2, 0.6, 40),
    }
)


@given(st.text(), st.integers(6, 60))
def test_any_name_becomes_one_short_line_without_control_characters(name: str, limit: int) -> None:
    """Whatever a person calls a thing, the text drawn is printable, on one line and not too long."""
    text = name_text(name, limit)
    assert len(text) <= limit
    assert text.isprintable()


def test_a_long_name_keeps_both_ends() -> None:
    """Layers differ at the end of their names, models at the start: a cut keeps both."""
    text = name_text("encoder.layers.11.attention.output.dense", 20)
    assert text.startswith("encoder.lay")
    assert text.endswith(".dense")


@given(st.text(max_size=300), st.integers(12, 80))
def test_a_title_becomes_lines_that_fit(title: str, limit: int) -> None:
    """None is longer than the figure is wide, whatever a person called layer and concepts."""
    lines = title_lines(title, limit)
    assert lines
    assert all(len(line) <= limit for line in lines)


def test_a_title_is_broken_at_its_parts() -> None:
    """One line where there is room; else whole parts, so that what a narrow figure shows can be read."""
    title = "04 bottleneck · digit+colour · seed 0 · factors against each other"
    assert title_lines(title, 80) == [title]
    assert title_lines(title, 38) == ["04 bottleneck · digit+colour · seed 0", "factors against each other"]


@pytest.mark.parametrize("inches", [3.0, 4.2, 8.2])
def test_a_title_lies_within_its_figure(inches: float) -> None:
    """Also that of a narrow one, which grows by its second line."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with drawing():
        figure = new_figure(inches, 3.0)
        figure.add_subplot()
        head(figure, "04 bottleneck · digit+colour · seed 0 · factors against each other")
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        box = figure._suptitle.get_window_extent()
        assert box.x1 <= figure.bbox.x1
        assert (figure.get_figheight() > 3.0) == (inches < 6)


def test_a_direction_override_cannot_turn_a_name_around() -> None:
    """Hidden characters are shown as such instead of being obeyed."""
    assert name_text("a\N{RIGHT-TO-LEFT OVERRIDE}b") == "a\N{REPLACEMENT CHARACTER}b"


def test_the_users_own_matplotlib_settings_change_nothing(tmp_path: Path) -> None:
    """The same numbers give the same bytes, whatever stands in a matplotlibrc, and it is left as it was."""
    curves(tmp_path / "a.png", _TABLE, title="t")
    with matplotlib.rc_context({"lines.linewidth": 9, "axes.grid": True, "savefig.dpi": 33}):
        curves(tmp_path / "b.png", _TABLE, title="t")
        assert matplotlib.rcParams["lines.linewidth"] == 9
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_no_figure_tells_when_or_with_what_it_was_made(tmp_path: Path, suffix: str) -> None:
    """Dates and program versions would make equal results look different."""
    curves(str(tmp_path / f"a.{suffix}"), _TABLE, title="t")
    data = (tmp_path / f"a.{suffix}").read_bytes()
    assert b"tEXtSoftware" not in data
    assert b"dc:date" not in data
    assert matplotlib.__version__.encode() not in data


_STARTS = {"png": b"\x89PNG", "svg": b"<?xml"}


def test_a_figure_goes_to_any_storage() -> None:
    """A path of another file system is written through that file system."""
    curves(UPath("memory://figures-test/a.svg"), _TABLE, title="t")
    assert UPath("memory://figures-test/a.svg").read_bytes().startswith(b"<?xml")


def test_an_unknown_format_is_refused_with_the_ones_there_are(tmp_path: Path) -> None:
    """The suffix chooses the format; a person is told which suffixes there are."""
    with pytest.raises(InputError, match=r"cannot be written as '\.gif'") as caught:
        curves(tmp_path / "a.gif", _TABLE, title="t")
    assert ".png or .svg" in caught.value.fix


def test_every_line_colour_has_the_contrast_of_text() -> None:
    """Lines and their labels can be seen on white by people with weak sight (WCAG AA)."""
    for colour in SERIES:
        parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        assert 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05) >= 4.5, colour


@pytest.mark.parametrize("name", ["x" * 5000, r"$\frac{1}$ $x_", "\N{GRINNING FACE}\N{ROCKET}", "a\nb\t\x00"])
def test_no_name_keeps_a_figure_from_being_drawn(tmp_path: Path, name: str) -> None:
    """Names of thousands of characters, mathematics that does not parse, emoji, control characters."""
    from iin_core.figures import Heads, factor_map, film_strip, line_curves

    rows = [(s, name, t, 1.0, np.nan, np.nan) for s in ("code", "activation") for t in (0, 1)]
    lines = pd.DataFrame(rows, columns=["space", "quantity", "share", "value", "low", "high"])
    image = np.full((1, 3, 4, 4), 0.5)
    for suffix in ("png", "svg"):
        line_curves(tmp_path / f"a.{suffix}", lines, title=name)
        film_strip(tmp_path / f"b.{suffix}", image, image[None], Heads([name], [name], name), title=name)
        labels = np.array([name] * 9, dtype=object)
        factor_map(
            tmp_path / f"c.{suffix}", {name: np.arange(9), "b": np.arange(9)}, {name: labels}, title=name
        )
        for figure in "abc":
            assert (tmp_path / f"{figure}.{suffix}").read_bytes().startswith(_STARTS[suffix])
