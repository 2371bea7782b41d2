"""Image files as inputs of a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tasks.errors import StudyError
from tasks.sources.data.file_stamp import last_changed, stamp_files
from tasks.sources.imported import FAULTS, raised

if TYPE_CHECKING:
    from PIL.Image import Image

_DEEP = ("I;16", "I;16B", "I;16L", "I;16N")
"""Pillow's modes of 16 bits, which it clips to 8 where it converts them itself."""
_HIGHEST = 65535


@dataclass(frozen=True)
class ImageInputs:
    """Images that are decoded when they are asked for.

    Args:
        files: one an example.
        channels: "rgb" or "grey".
        size: height and width to which each image is scaled and cropped about its middle; None: as it is.
        transform: makes a tensor of an upright image, instead of `channels` and `size`.
        settings: what else the tensors depend on, for `stamp`.
    """

    files: tuple[Path, ...]
    channels: Literal["rgb", "grey"] = "rgb"
    size: int | None = None
    transform: Callable[[Image], Any] | None = None
    settings: str = ""

    def __len__(self) -> int:
        return len(self.files)

    def batch(self, indices: NDArray[np.int64]) -> Tensor:
        """The images of some rows, (b, channels, height, width) in [0, 1] where no transform makes others.

        Raises:
            StudyError: a file that is no whole image, or images of several sizes.
        """
        files = [self.files[i] for i in indices]
        images = [self._tensor(file) for file in files]
        for file, image in zip(files, images, strict=True):
            if image.shape != images[0].shape:
                raise StudyError(
                    f"The images have several shapes: {tuple(images[0].shape)} and {tuple(image.shape)}.",
                    where=f"{_shown(files[0])} and {_shown(file)}",
                    fix="give `size`, or a `transform` that makes them equal",
                )
        return torch.stack(images)

    def stamp(self) -> str:
        """See `tasks.sources.data.file_stamp`."""
        from PIL import __version__

        return stamp_files(self.files, f"{__version__} {self.channels} {self.size} {self.settings}")

    def changed_ns(self) -> int:
        """When a file was last changed, in nanoseconds since 1970."""
        return last_changed(self.files)

    def _tensor(self, file: Path) -> Tensor:
        image = _upright(file)
        if self.transform is None:
            return _pixels(image, self.channels, self.size)
        try:
            made = torch.as_tensor(self.transform(image))
        except FAULTS as error:
            what = f"The transform of {_shown(file)}"
            raise raised(
                error, what, "make the call work in Python first: it is given a PIL image"
            ) from error
        return made.to(torch.float32) if made.dtype == torch.float64 else made


def _upright(file: Path) -> Image:
    """The image as it is to be seen: cameras store it turned and say so."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as opened:
            opened.load()
            image = ImageOps.exif_transpose(opened)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise StudyError(
            f"{file.name!r} is no image that can be read: {type(error).__name__}.",
            where=_shown(file),
            fix="repair the file, or take it out of the folder (or the table)",
        ) from error
    if image.mode in ("I", "F"):
        raise StudyError(
            f"The pixels of {file.name!r} have no known range (mode {image.mode!r}).",
            where=_shown(file),
            fix="save images with 8 or 16 bits a channel",
        )
    return image


def _pixels(image: Image, channels: str, size: int | None) -> Tensor:
    """(channels, height, width) in [0, 1]; transparency is dropped, as torchvision's loader does."""
    from PIL import Image as images
    from PIL import ImageOps

    if image.mode in _DEEP:
        grey = np.asarray(image, np.float32) / _HIGHEST
        image = images.fromarray(grey)
        scaled = image if size is None else ImageOps.fit(image, (size, size), images.Resampling.BILINEAR)
        one = torch.from_numpy(np.asarray(scaled, np.float32).clip(0, 1)[None].copy())
        return one.expand(3, -1, -1).contiguous() if channels == "rgb" else one
    image = image.convert("RGB" if channels == "rgb" else "L")
    if size is not None:
        image = ImageOps.fit(image, (size, size), images.Resampling.BILINEAR)
    pixels = np.asarray(image, np.float32) / 255
    return torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1).copy())


def _shown(file: Path) -> str:
    return str(file).encode(errors="backslashreplace").decode()
