"""How images become inputs of a model: the options of a source, and the tensors that follow from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from iin_core.image_file import UnreadableImage, has_known_range, sixteen_bits, upright
from iin_core.spec import Spec
from tasks.errors import StudyError
from tasks.fingerprint import fingerprint_source
from tasks.sources.imported import FAULTS, raised, resolve

if TYPE_CHECKING:
    from PIL.Image import Image


class ImageOptions(Spec):
    """The arguments that sources of images share."""

    channels: Literal["rgb", "grey"] = "rgb"
    size: Annotated[int, Field(ge=1, le=16384)] | None = None
    """Pixels of each side; images are scaled and cropped about their middle."""
    transform: Annotated[str, Field(pattern=r"^[\w.]+:[\w.]+$")] | None = None
    """`package.module:function` that makes a tensor of a PIL image, instead of `channels` and `size`."""


@dataclass(frozen=True)
class ImageForm:
    """What tensors are made of images.

    Args:
        options: of the source.
        transform: the function that they name.
    """

    options: ImageOptions
    transform: Callable[[Image], Any] | None

    @classmethod
    def of(cls, options: ImageOptions, folder: Path) -> ImageForm:
        """The form that options ask for.

        Args:
            options: of the source.
            folder: of the study, where the transform is looked for.

        Raises:
            StudyError: the transform cannot be found.
        """
        return cls(options, None if options.transform is None else resolve(options.transform, folder))

    def signature(self) -> str:
        """The same where the same images become the same tensors."""
        from PIL import __version__

        code = "" if self.transform is None else fingerprint_source(self.transform)
        own = self.options
        return f"{__version__} {own.channels} {own.size} {own.transform} {code}"

    def stack(self, images: Sequence[tuple[Path | BytesIO, str]]) -> Tensor:
        """Encoded images, (b, channels, height, width) in [0, 1] where no transform makes others.

        Args:
            images: each with what it is called in errors.

        Raises:
            StudyError: one that is no whole image, or images of several shapes.
        """
        made = [self._tensor(image, name) for image, name in images]
        for (_, name), tensor in zip(images, made, strict=True):
            if tensor.shape != made[0].shape:
                raise StudyError(
                    f"The images have several shapes: {tuple(made[0].shape)} and {tuple(tensor.shape)}.",
                    where=f"{images[0][1]} and {name}",
                    fix="give `size`, or a `transform` that makes them equal",
                )
        return torch.stack(made)

    def _tensor(self, encoded: Path | BytesIO, name: str) -> Tensor:
        image = _decoded(encoded, name)
        if self.transform is None:
            return _pixels(image, self.options.channels, self.options.size)
        try:
            made = torch.as_tensor(self.transform(image))
        except FAULTS as error:
            fix = "make the call work in Python first: it is given a PIL image"
            raise raised(error, f"The transform of {name}", fix) from error
        return made.to(torch.float32) if made.dtype == torch.float64 else made


def _decoded(encoded: Path | BytesIO, name: str) -> Image:
    try:
        image = upright(encoded)
    except UnreadableImage as error:
        raise StudyError(
            f"An image cannot be read: {type(error.__cause__).__name__}.",
            where=name,
            fix="repair it, or leave it out of the data",
        ) from error
    if not has_known_range(image):
        raise StudyError(
            f"The pixels of an image have no known range (mode {image.mode!r}).",
            where=name,
            fix="save images with 8 or 16 bits a channel",
        )
    return image


def _pixels(image: Image, channels: str, size: int | None) -> Tensor:
    """(channels, height, width) in [0, 1]; transparency is dropped, as torchvision's loader does."""
    from PIL import Image as images
    from PIL import ImageOps

    deep = sixteen_bits(image)
    if deep is not None:
        image = images.fromarray(deep)
        scaled = image if size is None else ImageOps.fit(image, (size, size), images.Resampling.BILINEAR)
        one = torch.from_numpy(np.asarray(scaled, np.float32).clip(0, 1)[None].copy())
        return one.expand(3, -1, -1).contiguous() if channels == "rgb" else one
    image = image.convert("RGB" if channels == "rgb" else "L")
    if size is not None:
        image = ImageOps.fit(image, (size, size), images.Resampling.BILINEAR)
    pixels = np.asarray(image, np.float32) / 255
    return torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1).copy())
