"""Redraw images with the patches of a sketch: optimal transport, one projection at a time, no network.

The patches of an image are moved so that along random directions their values are distributed as those
of the sketch's patches, coarse to fine. A patch keeps its rank along each direction, so that strokes stay
where they are; what changes is how they look from near.

Source: Rabin, Peyré, Delon, Bernot, "Wasserstein barycenter and its application to texture mixing", 2011
(sliced transport); Elnekave, Weiss, "Generating natural images with direct patch distribution matching",
2022 (of patches, coarse to fine). Leaving the background out is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from iin_core.stylise.drawn import drawn_on, padded

_BATCH = 64


@dataclass(frozen=True)
class ClassicalSettings:
    """How far and how finely.

    Args:
        window: odd width of a patch, in pixels of each scale.
        directions: random orthonormal projections in each sweep.
        sweeps: at each scale.
        scales: factors by which image and sketch are made smaller, coarse to fine; 1 is last.
    """

    window: int = 5
    directions: int = 8
    sweeps: int = 8
    scales: tuple[int, ...] = (4, 2, 1)


def restyle(images: Tensor, sketch: Tensor, settings: ClassicalSettings, *, seed: int) -> Tensor:
    """Redraw images in the manner of a sketch.

    Args:
        images: (n, channels, height, width) in [0, 1].
        sketch: (channels, height, width).
        settings: how far.
        seed: of the directions, the same for every image.

    Returns:
        As many images in [0, 1].
    """
    return torch.cat([_restyled(part, sketch[None], settings, seed) for part in images.split(_BATCH)])


def _restyled(images: Tensor, sketch: Tensor, settings: ClassicalSettings, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    smallest = min(images.shape[2:])
    for scale in settings.scales:
        if smallest // scale < settings.window:
            continue
        small, small_sketch = (functional.avg_pool2d(x, scale) if scale > 1 else x for x in (images, sketch))
        moved = _swept(small, small_sketch, settings, generator)
        change = moved - small
        if scale > 1:
            size = images.shape[2:]
            change = functional.interpolate(change, size=size, mode="bicubic", align_corners=False)
        images = (images + change).clamp(0, 1)
    return images


def _swept(images: Tensor, sketch: Tensor, settings: ClassicalSettings, generator: torch.Generator) -> Tensor:
    """Move the patches of one scale along several sets of directions."""
    window, channels = settings.window, images.shape[1]
    n_dims = channels * window**2
    n_directions = min(settings.directions, n_dims)
    patches = functional.unfold(padded(sketch, window // 2), window)[0]
    patches = patches[:, drawn_on(sketch, window).flatten()]
    for _ in range(settings.sweeps):
        basis = torch.linalg.qr(torch.randn(n_dims, n_dims, generator=generator)).Q[:n_directions]
        kernels = basis.reshape(n_directions, channels, window, window)
        change = _transported(images, kernels, (basis @ patches).sort(-1).values)
        # Directions unseen in this sweep would have moved patches as far; all windows of a pixel agree.
        step = (n_dims / n_directions) ** 0.5 / window**2
        images = (images + step * change).clamp(0, 1)
    return images


def _transported(images: Tensor, kernels: Tensor, wanted: Tensor) -> Tensor:
    """The sum over patches of what brings their projections to the wanted, sorted values (m, q)."""
    (n, _, height, width), (m, _, window, _) = images.shape, kernels.shape
    margin = window // 2
    drawn = drawn_on(images, window).flatten(1)
    n_drawn = drawn.sum(1)[:, None]
    projected = functional.conv2d(padded(images, margin), kernels).flatten(2)
    ordered, order = projected.masked_fill(~drawn[:, None], torch.inf).sort(-1)
    place = torch.arange(height * width)
    quantile = (place + 0.5) / n_drawn.clamp_min(1)
    nearest = (quantile * wanted.shape[1]).long().clamp_max(wanted.shape[1] - 1)
    target = wanted.expand(n, -1, -1).gather(-1, nearest[:, None].expand(-1, m, -1))
    change = torch.where((place < n_drawn)[:, None], target - ordered, 0.0)
    change = torch.empty_like(change).scatter_(-1, order, change).reshape(n, m, height, width)
    back = functional.conv_transpose2d(change, kernels)
    return back[..., margin : margin + height, margin : margin + width]
