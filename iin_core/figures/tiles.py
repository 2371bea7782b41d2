"""Images as tiles of a figure: checked, clipped to [0, 1], and put where they belong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TILE_INCHES = 0.62
MARGIN = 0.06
"""Room around a tile, in tiles."""
FIRST = 0.22
"""Room between the given images and the decoded ones, in tiles."""


def shown_images(values: ArrayLike, name: str, n_axes: int, what: str) -> NDArray[np.float32]:
    """Images (…, channels, height, width) as (…, height, width, 3) in [0, 1].

    Args:
        values: channels 1 or 3; values outside [0, 1] are clipped.
        name: of the images, in an error.
        n_axes: that they are to have.
        what: the figure that they are for, in an error.

    Raises:
        InputError: other shapes, or values that are not finite.
    """
    images = np.asarray(values, dtype=np.float32)
    if images.ndim != n_axes or images.shape[-3] not in (1, 3) or 0 in images.shape:
        raise InputError(
            f"The {name} of {what} are not images.",
            where=f"{name} of shape {images.shape}",
            fix=f"give {n_axes} axes, of which the third last has 1 or 3 channels",
        )
    if not np.isfinite(images).all():
        raise InputError(
            f"The {name} of {what} hold values that are not finite.",
            where=f"{int((~np.isfinite(images)).sum())} of {images.size} values",
            fix="look at what the decoder returned for these rows",
        )
    shown = np.moveaxis(np.clip(images, 0, 1), -3, -1)
    return np.repeat(shown, 3, axis=-1) if shown.shape[-1] == 1 else shown


def tile(axes: Axes, image: NDArray[np.float32], x: float, y: float) -> None:
    """Draw one image with its upper left corner at (x, y), a tile large."""
    place = (x + MARGIN, x + 1 - MARGIN, y + 1 - MARGIN, y + MARGIN)
    axes.imshow(image, extent=place, interpolation="nearest", aspect="auto", vmin=0, vmax=1)
