"""The engine as a training runs it, on random rows of the published shape."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from iin_core.blocks import Blocks
from iin_core.flow import NormalizingFlow
from iin_core.jobs import Job
from iin_core.sampling import make_sampler
from iin_core.spec import FlowSpec, PairSpec, TrainingSpec
from iin_core.stack import Stack

N_BLOCKS, DEPTH = 12, 2
DIMS = (31, 22, 11)
N_DIMS = sum(DIMS)
_BLOCKS = Blocks(dict(zip(("residual", "digit", "colour"), DIMS, strict=True)))
_ROWS, _UPDATES = 2000, 1000


class Ours:
    """A stack of K IINs in training; drawing its one batch is left out, as it is of the others.

    Args:
        hidden: the width of its networks.
        n_pairs: half of the rows of an update.
        stack: K.
        supervised: whether the pairs share a concept, in turn.
    """

    def __init__(self, hidden: int, n_pairs: int, stack: int, *, supervised: bool = True) -> None:
        flow = FlowSpec.published().model_copy(update={"hidden": hidden})
        training = TrainingSpec.published().model_copy(update={"updates": _UPDATES, "batch": 2 * n_pairs})
        jobs = [_job(seed, supervised=supervised) for seed in range(stack)]
        self._stack = Stack(jobs, flow, training, torch.device("cpu"))
        self._drawn = self._stack.batches.at(0)
        self._update = 0
        self.flow, self.x = self._stack.flow, self._drawn.x
        self.n_parameters = sum(parameter.numel() for parameter in self.flow.parameters()) // stack
        self.update()

    def update(self) -> None:
        """One update of all IINs."""
        loss = self._stack.loss(*self.flow(self.x), self._drawn, self._update)
        self._stack.differentiate(loss)
        self._stack.move(self._update, loss.detach())
        self._update = (self._update + 1) % _UPDATES


def by_autograd(run: Callable[[], None]) -> Callable[[], None]:
    """The same with autograd's own gradient of the flow."""

    def plain() -> None:
        by_hand = NormalizingFlow.forward
        NormalizingFlow.forward = NormalizingFlow.plain  # type: ignore[method-assign]
        run()
        NormalizingFlow.forward = by_hand  # type: ignore[method-assign]

    return plain


def pairs(n_pairs: int, stack: int) -> tuple[Tensor, Tensor]:
    """Random rows [a; b], (K, 2n, N), and which block each pair shares, (K, n)."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(stack, 2 * n_pairs, N_DIMS, generator=generator)
    return x, torch.randint(1, len(DIMS), (stack, n_pairs), generator=generator)


def _job(seed: int, *, supervised: bool) -> Job:
    rng = np.random.default_rng(seed)
    columns = {name: rng.integers(0, 10, _ROWS) for name in _BLOCKS.concepts if supervised}
    specs = {name: PairSpec() for name in columns}
    sampler = make_sampler(columns, specs, np.arange(_ROWS), _BLOCKS, links="pair")
    x = torch.from_numpy(rng.standard_normal((_ROWS, N_DIMS), dtype=np.float32))
    return Job(x, x[:100], torch.eye(N_DIMS), sampler, _BLOCKS, seed)
