"""What is to be trained, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from iin_core.blocks import Blocks
from iin_core.errors import DivergedError, InputError
from iin_core.flow import NormalizingFlow
from iin_core.front import Front
from iin_core.sampling import PairSampler
from iin_core.stream import ShardedRows

SamplerOf = Callable[[NDArray[np.int64]], PairSampler]
"""Makes the sampler of some training rows; its batches name places among them."""
_MOST_NOISE = 4.0
"""Deviations of a direction behind the front of a wide layer, before `training.noise` scales them."""


@dataclass(frozen=True, eq=False)
class Job:
    """One IIN to be trained.

    Attributes:
        x: training rows behind the front, (n, d), or the way to read them in windows. Jobs of one layer
            should share the object: it then lies in memory once. Of a conditional flow: [z̄ | z].
        x_validation: validation rows behind the front, (m, d).
        noise: (d, d), such that ε · noise is noise of one standard deviation of each component of z.
        sampler: draws linked rows of x; where x is read in windows, makes the sampler of a window.
        blocks: the layout of z̃.
        seed: of the network's start, the pairs and the noise.
        targets: for penalties, concept → one value a training row: its class (long, −1 where it is
            missing), or its normal score (float, NaN where it is missing).
        check: draws linked rows of x_validation; None where they make no pairs.
        n_given: of the columns of x, the last so many are given: the flow is conditioned on them.
    """

    x: Tensor | ShardedRows
    x_validation: Tensor
    noise: Tensor
    sampler: PairSampler | SamplerOf
    blocks: Blocks
    seed: int
    targets: Mapping[str, Tensor] = field(default_factory=dict)
    check: PairSampler | None = None
    n_given: int = 0

    @property
    def n_dims(self) -> int:
        """d."""
        return self.blocks.n_dims

    @property
    def width(self) -> int:
        """The columns of x: d, and what is given."""
        return self.n_dims + self.n_given


@dataclass(frozen=True)
class Cost:
    """CPU seconds of a training: all of it, and what of that went into updates."""

    total: float = 0.0
    updates: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.total + other.total, self.updates + other.updates)


@dataclass(frozen=True)
class Trained:
    """A trained flow with its curves, or what made its training fail.

    Attributes:
        curves: by update: loss of the batch (of a pair, in nats per dimension, penalties included), NLL of
            the batch and of the validation rows, learning rate. The held-out NLL is that of the weights
            that are kept, their moving average where the training has one, before they are calibrated.
        updates: how many were done: fewer than asked for where training stopped early.
        cost: of the whole stack.
        linear: whether a linear flow was put in the trained one's place, see `iin_core.linear_flow`.
        kept: the row of the curves whose weights these are.
    """

    flow: NormalizingFlow
    curves: pd.DataFrame
    failure: DivergedError | None
    updates: int
    cost: Cost
    linear: bool = False
    kept: int = -1


def make_job(
    front: Front,
    rows: tuple[Tensor, Tensor],
    sampler: PairSampler,
    blocks: Blocks,
    seed: int,
    targets: Mapping[str, Tensor] | None = None,
) -> Job:
    """Prepare the training of one IIN from its training and validation rows of z, (n, N) and (m, N).

    Raises:
        InputError: blocks that do not fill the flow.
    """
    z, z_validation = rows
    check_blocks(front, blocks)
    noise = noise_behind(front, z.std(0))
    return Job(front.apply(z), front.apply(z_validation), noise, sampler, blocks, seed, targets or {})


def check_blocks(front: Front, blocks: Blocks) -> None:
    """See that the blocks fill the flow.

    Raises:
        InputError: they do not.
    """
    if blocks.n_dims != front.n_dims:
        raise InputError(
            f"The blocks have {blocks.n_dims} dimensions together, the flow has {front.n_dims}.",
            where=f"{blocks}",
            fix="let the residual take what the concepts leave",
        )


def noise_behind(front: Front, deviation: Tensor) -> Tensor:
    """The matrix, (d, d), that turns white noise into noise of the given deviation, (N,), of each feature.

    Behind the front of a wide layer it is at most four deviations of any direction of x, so that noise
    of a fifth or less does not drown the concepts of low variance that such a front keeps.
    """
    spread = front.forward.T * deviation.square() @ front.forward
    values, vectors = torch.linalg.eigh(spread.double())
    if front.n_dims < front.n_features:
        values = values.clamp_max(_MOST_NOISE**2)
    root: Tensor = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    return root.float()
