"""Prior fit: held-out mean and standard deviation of each block of z̃."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from iin_core.blocks import Blocks
from iin_core.metrics.bootstrap import interval, source_means
from iin_core.spec import EvaluationSpec

Ends = tuple[float | None, float | None]
_DEFAULT = EvaluationSpec()


@dataclass(frozen=True)
class BlockFit:
    """How one block lies against z̃ ~ N(0, I), where `mean` is 0 and the deviations are 1.

    Args:
        block: its name.
        mean: root mean square over dimensions of the dimension's mean.
        std: root mean square over dimensions of the dimension's standard deviation.
        std_low: smallest standard deviation of a dimension.
        std_high: largest standard deviation of a dimension.
        mean_ci: 95 % interval of `mean` over sources.
        std_ci: the same of `std`.
    """

    block: str
    mean: float
    std: float
    std_low: float
    std_high: float
    mean_ci: Ends = (None, None)
    std_ci: Ends = (None, None)

    @property
    def distance(self) -> float:
        """|log std|: a block at twice and one at half the prior's deviation are equally far."""
        return abs(math.log(max(self.std, 1e-30)))


def prior_fit(
    z_tilde: ArrayLike | Tensor,
    blocks: Blocks,
    source: ArrayLike | None = None,
    spec: EvaluationSpec = _DEFAULT,
) -> tuple[BlockFit, ...]:
    """Per-block mean and standard deviation of codes of held-out rows.

    A flow that overfits spreads held-out rows wider than its training rows (std above 1).

    Args:
        z_tilde: (n, d).
        blocks: the layout of z̃.
        source: (n,) source of each row, over which the intervals are; None gives none.
        spec: `bootstrap` and `seed` are used.
    """
    code = torch.as_tensor(z_tilde).double().numpy()
    draws = 0 if source is None else spec.bootstrap
    groups = np.arange(len(code)) if source is None else np.asarray(source)
    moments = source_means(np.hstack([code, code**2]), groups, draws=draws, seed=spec.seed)
    means, squares = np.split(moments, 2, axis=1)
    deviations = np.sqrt(np.maximum(squares - means**2, 0))
    fits = []
    for name, place in blocks.items():
        mean, std = code[:, place].mean(0), code[:, place].std(0)
        fits.append(
            BlockFit(
                name,
                mean=float(_rms(mean)),
                std=float(_rms(std)),
                std_low=float(std.min()),
                std_high=float(std.max()),
                mean_ci=interval(_rms(means[:, place])),
                std_ci=interval(_rms(deviations[:, place])),
            )
        )
    return tuple(fits)


def _rms(values: np.ndarray) -> np.ndarray:
    """Root mean square over the last axis."""
    root: np.ndarray = np.sqrt(np.square(values).mean(-1))
    return root
