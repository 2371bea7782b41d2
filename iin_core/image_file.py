"""Image files as they are to be seen."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

_DEEP, _HIGHEST = ("I;16", "I;16B", "I;16L", "I;16N"), np.float32(65535)
"""Pillow's modes of 16 bits, which it clips to 8 where it converts them itself."""
_WITHOUT_RANGE = ("I", "F")


class UnreadableImage(ValueError):
    """A file that is no whole image; its cause is what Pillow raised."""


def upright(encoded: Path | BytesIO) -> Image:
    """The decoded image, turned as its tag says: cameras store it as they were held.

    Raises:
        UnreadableImage: no image, or one that is cut short or far too large.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(encoded) as opened:
            opened.load()
            return ImageOps.exif_transpose(opened)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadableImage(str(error)) from error


def has_known_range(image: Image) -> bool:
    """Whether it is known what black and white are; of 32-bit numbers it is not."""
    return image.mode not in _WITHOUT_RANGE


def sixteen_bits(image: Image) -> NDArray[np.float32] | None:
    """(height, width) in [0, 1] of grey with 16 bits; None of any other image."""
    return np.asarray(image, np.float32) / _HIGHEST if image.mode in _DEEP else None
