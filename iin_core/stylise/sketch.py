"""Sketches: read from files, and refused where they cannot serve."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iin_core.errors import InputError
from iin_core.image_file import UnreadableImage, has_known_range, sixteen_bits, upright

if TYPE_CHECKING:
    from PIL.Image import Image

_LEAST_CONTRAST = 0.05
"""Between the darkest and the brightest pixel; below it a sketch counts as blank."""
_LEAST_DIFFERENCE = 0.002
"""Mean absolute difference of two sketches below which they count as one."""
_CHANNELS = {1: "L", 3: "RGB"}
_CALLED = {1: "greyscale", 3: "RGB"}
_IMAGE_DIMS = 4
_GREY = ("1", "L", "LA")


def read_sketch(path: Path) -> Tensor:
    """An image file as (channels, height, width) in [0, 1], as it is to be seen.

    A transparent ground becomes white; grey stays one channel, with 16 bits too, and a palette becomes RGB;
    what a camera stored turned is turned back.

    Raises:
        InputError: no such file, no image, or pixels without a known range.
    """
    if not path.is_file():
        raise InputError(
            f"There is no sketch {path.name!r}.",
            where=str(path),
            fix="draw it; paths start at the folder of the study",
        )
    try:
        pixels = _pixels(upright(path), path)
    except UnreadableImage as error:
        raise InputError(
            f"The sketch {path.name!r} is no image that can be read: {error}.",
            where=str(path),
            fix="save it as PNG",
        ) from error
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


def _pixels(image: Image, path: Path) -> NDArray[np.float32]:
    """(height, width), or (height, width, 3) of what has colours or a palette."""
    from PIL import Image as images

    deep = sixteen_bits(image)
    if deep is not None:
        return deep
    if not has_known_range(image):
        raise InputError(
            f"The pixels of the sketch {path.name!r} have no known range (mode {image.mode!r}).",
            where=str(path),
            fix="save it as PNG with 8 or 16 bits a channel",
        )
    mode = "L" if image.mode in _GREY else "RGB"
    if image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info:
        drawn = image.convert("RGBA")
        image = images.alpha_composite(images.new("RGBA", drawn.size, "white"), drawn)
    return np.asarray(image.convert(mode), np.float32) / np.float32(255)


def check_images(images: Tensor) -> None:
    """See that images can be redrawn.

    Raises:
        InputError: not (n, 1 or 3, height, width) in [0, 1].
    """
    if images.ndim != _IMAGE_DIMS or images.shape[1] not in _CHANNELS:
        raise InputError(
            f"The examples have the shape {tuple(images.shape[1:])}, and are no images.",
            where="images",
            fix="give images (n, channels, height, width) with 1 or 3 channels; sketches are for images",
        )
    low, high = float(images.min()), float(images.max())
    if low < 0 or high > 1:
        raise InputError(
            f"The images have values from {low:.3g} to {high:.3g}; they are redrawn in [0, 1].",
            where="images",
            fix="let the data give values in [0, 1] and the model shift and scale them itself",
        )


def check_sketches(sketches: Mapping[str, Tensor], images: Tensor) -> None:
    """See that sketches can tell how images are redrawn.

    Args:
        sketches: name → (channels, height, width).
        images: (n, channels, height, width).

    Raises:
        InputError: fewer than two, another size or number of channels than the images', a blank one,
            or two that are the same.
    """
    if len(sketches) < 2:
        raise InputError(
            f"{len(sketches)} sketch shows no difference.",
            where="sketches",
            fix="give two that differ in the concept and in nothing else",
        )
    for name, sketch in sketches.items():
        _check_one(name, sketch, images)
    names = list(sketches)
    for i, name in enumerate(names):
        for other in names[:i]:
            if float((sketches[name] - sketches[other]).abs().mean()) < _LEAST_DIFFERENCE:
                raise InputError(
                    f"The sketches {other!r} and {name!r} are the same image.",
                    where="sketches",
                    fix="draw the second one anew, so that it differs in the concept",
                )


def _check_one(name: str, sketch: Tensor, images: Tensor) -> None:
    channels, height, width = sketch.shape
    wanted = tuple(images.shape[1:])
    if (height, width) != wanted[1:]:
        raise InputError(
            f"The sketch {name!r} has {width}x{height} pixels, the images have {wanted[2]}x{wanted[1]}.",
            where=f"sketch {name!r}",
            fix=f"draw it on {wanted[2]}x{wanted[1]} pixels, with strokes as large as those of the images",
        )
    if channels != wanted[0]:
        raise InputError(
            f"The sketch {name!r} is {_CALLED[channels]}, the images are {_CALLED[wanted[0]]}.",
            where=f"sketch {name!r}",
            fix=f"save it as a PNG of the mode {_CHANNELS[wanted[0]]} ({_CALLED[wanted[0]]})",
        )
    if float(sketch.max() - sketch.min()) < _LEAST_CONTRAST:
        raise InputError(
            f"The sketch {name!r} is blank: its values go from {float(sketch.min()):.3g} to "
            f"{float(sketch.max()):.3g}.",
            where=f"sketch {name!r}",
            fix="draw something on it, as strongly as things are drawn in the images",
        )
