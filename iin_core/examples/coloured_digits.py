"""Real handwritten digits, each shown in several colours at random brightness."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from iin_core.errors import InputError

PALETTE: dict[str, tuple[float, float, float]] = {
    "red": (1.0, 0.1, 0.1),
    "green": (0.1, 1.0, 0.1),
    "blue": (0.1, 0.1, 1.0),
    "yellow": (1.0, 1.0, 0.1),
    "magenta": (1.0, 0.1, 1.0),
    "cyan": (0.1, 1.0, 1.0),
}
"""Name → red, green, blue in [0, 1]."""
SIZE = 32
"""Height and width of an image, in pixels."""
DARKEST = 0.5
"""Brightness is uniform on [DARKEST, 1]."""


def coloured_digits(colours: int = 6, seed: int = 0) -> tuple[np.ndarray, pd.DataFrame]:
    """Show each of scikit-learn's 1,797 digits once in each of `colours` colours.

    The 8x8 originals are upsampled smoothly; the stroke is coloured on black and scaled by a
    brightness drawn for each row. Every digit is seen in every colour, and brightness is drawn
    without regard to either, so the three concepts are independent.

    Args:
        colours: how many of `PALETTE`, from its start.
        seed: of the brightnesses.

    Returns:
        Images (n, 3, 32, 32), float32 in [0, 1], and the table of their n rows, ordered by
        source: `source` (the original's position), `digit`, `colour`, `brightness`.

    Raises:
        InputError: more colours than there are, or fewer than two.
    """
    if not 2 <= colours <= len(PALETTE):
        raise InputError(
            f"coloured_digits cannot show {colours} colours.",
            where="argument colours",
            fix=f"give a number from 2 to {len(PALETTE)}",
        )
    shapes, digits = _shapes()
    names = list(PALETTE)[:colours]
    source = np.repeat(np.arange(len(digits)), colours)
    colour = np.tile(np.arange(colours), len(digits))
    brightness = np.random.default_rng(seed).uniform(DARKEST, 1.0, len(source))
    tint = np.array([PALETTE[name] for name in names])[colour] * brightness[:, None]
    images = shapes[source, None] * tint.astype(np.float32)[:, :, None, None]
    table = pd.DataFrame(
        {
            "source": source,
            "digit": digits[source],
            "colour": [names[c] for c in colour],
            "brightness": brightness,
        }
    )
    return images, table


def _shapes() -> tuple[np.ndarray, np.ndarray]:
    """Strokes (n, 32, 32), float32 in [0, 1], and digits (n,) of the originals."""
    from sklearn.datasets import load_digits

    originals = load_digits()
    small = torch.from_numpy(originals.images / 16.0)[:, None]
    large = torch.nn.functional.interpolate(small, size=(SIZE, SIZE), mode="bicubic", align_corners=False)
    return large[:, 0].clamp(0, 1).to(torch.float32).numpy(), originals.target.astype(np.int64)
