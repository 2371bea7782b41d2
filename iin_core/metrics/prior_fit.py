"""Prior fit: held-out mean and standard deviation of each block of z̃."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from iin_core.blocks import Blocks


@dataclass(frozen=True)
class BlockFit:
    """How one block lies against z̃ ~ N(0, I), where `mean` is 0 and the deviations are 1.

    Args:
        block: its name.
        mean: root mean square over dimensions of the dimension's mean.
        std: root mean square over dimensions of the dimension's standard deviation.
        std_low: smallest standard deviation of a dimension.
        std_high: largest standard deviation of a dimension.
    """

    block: str
    mean: float
    std: float
    std_low: float
    std_high: float

    @property
    def distance(self) -> float:
        """|log std|: a block at twice and one at half the prior's deviation are equally far."""
        return abs(math.log(max(self.std, 1e-30)))


def prior_fit(z_tilde: ArrayLike | Tensor, blocks: Blocks) -> tuple[BlockFit, ...]:
    """Per-block mean and standard deviation of codes of held-out rows.

    A flow that overfits spreads held-out rows wider than its training rows (std above 1).

    Args:
        z_tilde: (n, d).
        blocks: the layout of z̃.
    """
    code = torch.as_tensor(z_tilde).double()
    fits = []
    for name, place in blocks.items():
        mean = code[:, place].mean(0)
        std = code[:, place].std(0, correction=0)
        rms_mean, rms_std = (float(part.square().mean().sqrt()) for part in (mean, std))
        fits.append(BlockFit(name, rms_mean, rms_std, float(std.min()), float(std.max())))
    return tuple(fits)
