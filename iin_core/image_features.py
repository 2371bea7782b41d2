"""The features of one fixed network in whose space sets of images are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from iin_core.errors import InputError, ModelError
from iin_core.hooks import call, evaluating, hooked
from iin_core.readings import Reading, make_reading
from iin_core.spec import ReadingSpec
from iin_core.split import capture

_BATCH = 256
_FLAT = make_reading(ReadingSpec(flatten=True))


@dataclass(frozen=True)
class ImageFeatures:
    """A network as a map from images to features.

    Args:
        network: takes images (n, channels, height, width) in [0, 1].
        layer: the module whose output is taken; None: what enters the last `nn.Linear` that is called,
            of several that read the same features (heads, say) any.
        reading: how the output of `layer` becomes rows.
    """

    network: nn.Module
    layer: str | None = None
    reading: Reading = _FLAT

    @property
    def described(self) -> str:
        """What is taken, in words."""
        if self.layer is None:
            return f"the input of the last linear layer of {type(self.network).__name__}"
        return f"layer {self.layer!r} of {type(self.network).__name__} ({self.reading.name})"

    def __call__(self, images: Tensor) -> Tensor:
        """Features (n, D), float32, of images (n, channels, height, width).

        Raises:
            ModelError: no layer of that name, or no linear layer where none is named.
        """
        return torch.cat([self._of(part) for part in images.split(_BATCH)])

    def _of(self, images: Tensor) -> Tensor:
        if self.layer is None:
            return before_last_linear(self.network, images)
        return capture(self.network, images, {self.layer: self.reading})[self.layer]


@torch.no_grad()
def before_last_linear(network: nn.Module, images: Tensor) -> Tensor:
    """What enters the last `nn.Linear` that the network calls, (n, D) float32.

    Raises:
        ModelError: it calls none, or that one is not given one row an image.
    """
    seen: list[Tensor] = []

    def keep(_: nn.Module, inputs: tuple[Any, ...], __: Tensor) -> None:
        seen[:] = [inputs[0]]

    linear = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    with evaluating(network), hooked(network, dict.fromkeys(linear, keep)):
        call(network, images)
    if not seen or seen[0].ndim != 2 or len(seen[0]) != len(images):
        raise ModelError(
            "The network has no linear layer at its end whose input could serve as features.",
            where=type(network).__name__,
            fix="name the layer: features: {import: ..., layer: name}",
        )
    return seen[0].detach().float().clone()


def as_images(output: Any, like: tuple[int, ...], where: str) -> Tensor:
    """What a decoder returned, if it is images of the data's shape; float32.

    Args:
        output: of the model.
        like: (channels, height, width) of the data.
        where: what decoded, for the message.

    Raises:
        InputError: anything else.
    """
    found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
    if not isinstance(output, Tensor) or output.ndim != 4 or found[1:] != like or like[0] not in (1, 3):
        shape = ", ".join(map(str, like))
        raise InputError(
            f"What is decoded is no image of the data's kind: {found} where the data has (n, {shape}).",
            where=where,
            fix="let the model return images (n, channels, height, width) of the data's size with 1 or 3 "
            "channels, or leave out `decoder`",
        )
    return output.float()
