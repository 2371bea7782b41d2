"""Redraw images until a network's features have the statistics that they have on a sketch.

Source: Gatys, Ecker, Bethge, "Image style transfer using convolutional neural networks", 2016 (Gram
matrices, optimised pixels); Gatys et al., "Controlling perceptual factors in neural style transfer", 2017
(statistics of a region, colours kept). The small random shifts keep strided layers from being fooled by
patterns of their own grid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from iin_core.errors import InputError, ModelError
from iin_core.hooks import hooked
from iin_core.split import module_names, observe
from iin_core.stylise.drawn import drawn_on, padded

_BATCH = 256
_SHIFT = 4
_WINDOW = 5
_MAP_DIMS = 3
_ROUNDING = 1e-11
"""Of a squared mean: a variance below it is what single precision leaves of a constant."""
_LEAST_MAP = 0.25
"""Height and width of the feature maps that tell a style, as shares of the images'."""


@dataclass(frozen=True)
class NeuralSettings:
    """The optimisation of the pixels.

    Args:
        updates: of Adam.
        learning_rate: in units of the images' range.
        content: weight of the change of the image seen from afar (means of `coarse` pixels).
        smooth: weight of differences between neighbouring pixels.
        coarse: pixels.
    """

    updates: int = 80
    learning_rate: float = 0.05
    content: float = 0.5
    smooth: float = 0.3
    coarse: int = 6


@dataclass(frozen=True)
class Style:
    """A network whose features tell the manner of an image.

    Args:
        network: takes images (n, channels, height, width).
        layers: names of modules that give feature maps.
        channels: of its images.
    """

    network: nn.Module
    layers: tuple[str, ...]
    channels: int

    @staticmethod
    def of(network: nn.Module, layers: Sequence[str], images: Tensor) -> Style:
        """Find the layers: those that match, or all convolutions where none are named.

        Args:
            network: in evaluation mode.
            layers: names or globs.
            images: a few, (n, channels, height, width).

        Raises:
            ModelError: no such module, one whose output is no feature map, or a network without
                convolutions.
        """
        convolutions = [name for name, module in network.named_modules() if isinstance(module, nn.Conv2d)]
        names = module_names(network, layers) if layers else convolutions
        probes = observe(network, images[:2], names)
        maps = [
            name for name in names if probes[name].problem is None and len(probes[name].shape) == _MAP_DIMS
        ]
        if not maps or (layers and len(maps) < len(names)):
            flat = [name for name in names if name not in maps]
            what = f"{flat[0]!r} gives no feature map" if flat else "The network has no convolution"
            raise ModelError(
                f"{what}, whose statistics could tell a style.",
                where=f"network {type(network).__name__}",
                fix="name modules whose output is (n, channels, height, width) under `layers`",
            )
        # What sees a large part of the image tells its content, not its manner.
        least = min(images.shape[2:]) * _LEAST_MAP
        kept = maps if layers else [name for name in maps if min(probes[name].shape[1:]) >= least]
        return Style(network, tuple(kept or maps), images.shape[1])

    def features(self, images: Tensor) -> list[Tensor]:
        """The feature maps of images (n, 1 or channels, height, width), with gradients."""
        found: dict[str, Tensor] = {}

        def keep(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
            return lambda _module, _inputs, output: found.__setitem__(name, output)

        with hooked(self.network, {name: keep(name) for name in self.layers}):
            self.network(images.expand(-1, self.channels, -1, -1))
        return [found[name] for name in self.layers]


def transfer(images: Tensor, sketch: Tensor, style: Style, settings: NeuralSettings, *, seed: int) -> Tensor:
    """Redraw images in the manner of a sketch.

    Args:
        images: (n, 1 or channels, height, width) in [0, 1]; one channel is shown to the network as grey.
        sketch: (1 or channels, height, width).
        style: the network.
        settings: of the optimisation.
        seed: of the shifts.

    Returns:
        As many images in [0, 1].

    Raises:
        InputError: a layer of which the sketch excites nothing.
    """
    wanted = [param.requires_grad for param in style.network.parameters()]
    style.network.requires_grad_(False)
    try:
        parts = [_transferred(part, sketch[None], style, settings, seed) for part in images.split(_BATCH)]
    finally:
        for param, was in zip(style.network.parameters(), wanted, strict=True):
            param.requires_grad_(was)
    return torch.cat(parts)


def _transferred(images: Tensor, sketch: Tensor, style: Style, settings: NeuralSettings, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    pixels = images.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([pixels], lr=settings.learning_rate)
    for update in range(settings.updates):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * min(1.0, 2 * (1 - update / settings.updates))
        shift = torch.randint(0, 2 * _SHIFT + 1, (2,), generator=generator).tolist()
        loss = _style_loss(pixels, sketch, style, shift) + _content_loss(pixels, images, settings)
        optimizer.zero_grad()
        loss.sum().backward()
        optimizer.step()
        with torch.no_grad():
            pixels.clamp_(0, 1)
    return pixels.detach()


def _style_loss(pixels: Tensor, sketch: Tensor, style: Style, shift: list[int]) -> Tensor:
    """How far means and covariances of the features are from those on the sketch, (n,)."""
    with torch.no_grad():
        moved = _shifted(sketch, shift)
        wanted = [_statistics(maps, drawn_on(moved, _WINDOW)) for maps in style.features(moved)]
        drawn = drawn_on(_shifted(functional.avg_pool2d(pixels, 3, 1, 1), shift), _WINDOW)
    losses = []
    for maps, (mean, gram) in zip(style.features(_shifted(pixels, shift)), wanted, strict=True):
        if not float(gram.abs().max()) > _ROUNDING * float(mean.square().max()):
            raise InputError(
                "A layer of the network answers the sketch with a constant, so it tells no style.",
                where=f"layers {', '.join(style.layers)}",
                fix="name other layers of the network under `layers`",
            )
        own_mean, own_gram = _statistics(maps, drawn)
        losses.append((own_mean - mean).square().sum(1) / mean.square().sum().clamp_min(1e-12))
        losses.append((own_gram - gram).square().sum((1, 2)) / gram.square().sum())
    return torch.stack(losses).sum(0) / len(style.layers)


def _statistics(maps: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """Means (n, c) and covariances (n, c, c) of feature maps over the places that are drawn on."""
    places = functional.adaptive_max_pool2d(drawn.float(), maps.shape[2:])
    weight = places / places.sum((2, 3), keepdim=True).clamp_min(1)
    mean = (maps * weight).sum((2, 3), keepdim=True)
    centred = ((maps - mean) * weight.sqrt()).flatten(2)
    return mean.flatten(1), centred @ centred.mT


def _content_loss(pixels: Tensor, images: Tensor, settings: NeuralSettings) -> Tensor:
    size = max(1, min(settings.coarse, *images.shape[2:]))

    def afar(x: Tensor) -> Tensor:
        return functional.avg_pool2d(x, size, max(1, size // 2))

    far = (afar(pixels) - afar(images)).square().mean((1, 2, 3))
    rough = sum(pixels.diff(dim=dim).square().mean((1, 2, 3)) for dim in (2, 3))
    scale = images.square().mean((1, 2, 3)).clamp_min(1e-6)
    far_scale = afar(images).square().mean((1, 2, 3)).clamp_min(1e-6)
    return settings.content * far / far_scale + settings.smooth * rough / scale


def _shifted(images: Tensor, shift: list[int]) -> Tensor:
    (down, right), (height, width) = shift, images.shape[2:]
    return padded(images, _SHIFT)[..., down : down + height, right : right + width]
