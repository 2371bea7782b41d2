"""The swap grid."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iin_core.errors import InputError
from iin_core.figures import swap_grid


def _flat(colours: list[tuple[float, float, float]]) -> np.ndarray:
    return np.ones((len(colours), 3, 8, 8), np.float32) * np.array(colours, np.float32)[:, :, None, None]


_RED, _BLUE, _LIME, _CYAN = (1, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1)


def _middle(pixels: np.ndarray, colour: tuple[float, float, float]) -> np.ndarray:
    """Mean (row, column) of the pixels of a colour."""
    where = np.argwhere((pixels == np.array(colour) * 255).all(-1))
    assert len(where), f"no pixel of {colour}"
    return where.mean(0)


def test_donors_are_rows_and_bases_columns(tmp_path: Path) -> None:
    """A swapped image stands right of its donor and below its base."""
    bases, donors = _flat([_RED, (0, 0, 0)]), _flat([(0, 0, 0), _BLUE])
    decoded = np.zeros((2, 2, 3, 8, 8), np.float32)
    decoded[1, 0] = _flat([_LIME])[0]
    swap_grid(tmp_path / "a.png", bases, donors, decoded, title="t")
    pixels = np.array(Image.open(tmp_path / "a.png").convert("RGB"))
    base, donor, swapped = (_middle(pixels, colour) for colour in (_RED, _BLUE, _LIME))
    assert abs(swapped[0] - donor[0]) < 2
    assert swapped[1] > donor[1]
    assert abs(swapped[1] - base[1]) < 2
    assert swapped[0] > base[0]


def test_grey_images_and_values_outside_the_range_are_shown(tmp_path: Path) -> None:
    """One channel is grey, and what a decoder overshoots is clipped, not stretched."""
    one = np.full((1, 1, 8, 8), 7.0)
    swap_grid(tmp_path / "a.png", one, one, -one[None], title="$t$")
    pixels = np.array(Image.open(tmp_path / "a.png").convert("RGB"))
    assert (pixels == 0).all(-1).sum() > 1000


@pytest.mark.parametrize(
    ("decoded", "message"),
    [
        (np.zeros((3, 2, 3, 8, 8)), "do not belong together"),
        (np.zeros((2, 2, 3, 8)), "not images"),
        (np.zeros((2, 2, 5, 8, 8)), "not images"),
        (np.full((2, 2, 3, 8, 8), np.nan), "not finite"),
    ],
)
def test_images_that_make_no_grid_are_refused(tmp_path: Path, decoded: np.ndarray, message: str) -> None:
    """Shapes and values are checked before anything is drawn."""
    given = _flat([_RED, _CYAN])
    with pytest.raises(InputError, match=message):
        swap_grid(tmp_path / "a.png", given, given, decoded, title="t")
    assert not (tmp_path / "a.png").exists()
