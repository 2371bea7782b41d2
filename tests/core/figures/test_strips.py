"""The film strip."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iin_core.errors import InputError
from iin_core.figures import Heads, film_strip

GREY = np.full((2, 1, 4, 4), 0.5)


def _middle(pixels: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Mean (row, column) of the pixels of a colour."""
    where = np.argwhere((pixels == np.array(colour)).all(-1))
    assert len(where), f"no pixel of {colour}"
    return where.mean(0)


def test_frames_stand_beside_what_was_given(tmp_path: Path) -> None:
    """A frame is right of its given image, in its line; later steps further right."""
    given = np.zeros((2, 3, 4, 4))
    given[1, 0] = 1
    frames = np.zeros((2, 3, 3, 4, 4))
    frames[1, 0, 1], frames[1, 2, 2] = 1, 1
    film_strip(tmp_path / "a.png", given, frames, Heads([0, 0.5, 1], ["a", "b"], "strength →"), title="t")
    pixels = np.array(Image.open(tmp_path / "a.png").convert("RGB"))
    red, lime, blue = (_middle(pixels, c) for c in ((255, 0, 0), (0, 255, 0), (0, 0, 255)))
    assert abs(red[0] - lime[0]) < 2
    assert abs(lime[0] - blue[0]) < 2
    assert red[1] < lime[1] < blue[1]


def test_names_and_frames_do_not_break_it(tmp_path: Path) -> None:
    """Long names, hidden characters, and framed tiles are drawn, to the same bytes twice."""
    heads = Heads(["$x$", "a" * 99], ["\u202eevil", "b\nb"], "read →", [(0, 1), (1, 0)])
    for name in ("a.svg", "b.svg"):
        film_strip(tmp_path / name, GREY, np.zeros((2, 2, 1, 4, 4)), heads, title="t")
    text = (tmp_path / "a.svg").read_text()
    assert text == (tmp_path / "b.svg").read_text()
    assert "\u202e" not in text
    assert "aaa…" in text


@pytest.mark.parametrize(
    ("frames", "steps", "message"),
    [
        (np.zeros((3, 2, 1, 4, 4)), "ab", "do not belong together"),
        (np.zeros((2, 2, 1, 4, 4)), "abc", "do not belong together"),
        (np.zeros((2, 2, 1, 5, 4)), "ab", "do not belong together"),
        (np.zeros((2, 2, 4, 4)), "ab", "are not images"),
        (np.full((2, 2, 1, 4, 4), np.inf), "ab", "not finite"),
    ],
)
def test_what_makes_no_strip_is_refused(tmp_path: Path, frames, steps, message) -> None:
    """Shapes, names and values are checked before anything is drawn."""
    with pytest.raises(InputError, match=message):
        film_strip(tmp_path / "a.png", GREY, frames, Heads(list(steps)), title="t")
    assert not (tmp_path / "a.png").exists()
