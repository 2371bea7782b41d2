"""Which weights are kept of a training: the last, their moving average, or the best of either."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from iin_core.updates import FlatParameters

_NEVER = -1


class Weights:
    """A buffer of all parameters of a stack, and the part of it that belongs to each IIN."""

    def __init__(self, parameters: FlatParameters, stack: int, flat: Tensor) -> None:
        self.flat = flat
        self._own = [parameters.pieces(flat, k) for k in range(stack)]

    def state(self, k: int) -> dict[str, Tensor]:
        """The weights of the k-th IIN."""
        return {"flat": torch.cat(self._own[k])}

    def load(self, k: int, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` gave."""
        parts = self._own[k]
        for part, values in zip(parts, state["flat"].split([len(part) for part in parts]), strict=True):
            part.copy_(values)


class Average(Weights):
    """The exponential moving average of all parameters of a stack.

    Its decay rises to the one that is asked for, so that the start is forgotten soon.
    """

    def __init__(self, parameters: FlatParameters, stack: int, decay: float) -> None:
        super().__init__(parameters, stack, parameters.flat.detach().clone())
        self._current, self._decay = parameters.flat.detach(), decay

    def add(self, update: int) -> None:
        """Move towards the parameters behind an update, counted from 0."""
        decay = min(self._decay, (1 + update) / (10 + update))
        self.flat.lerp_(self._current, 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block the modules compute with the average."""
        before = self._current.clone()
        self._current.copy_(self.flat)
        try:
            yield
        finally:
            self._current.copy_(before)


class EarlyStop(Weights):
    """Ends the training of each IIN whose held-out likelihood no longer gets better, on the device.

    Args:
        patience: of each IIN; None: it never ends, and nothing is kept of it.

    Attributes:
        best: the least held-out NLL so far, (K,).
        since: points of the curve since then, (K,).
        stopped: the update, from 1, at which training ended, (K,); -1 while it goes on.
        flat: the weights at the best point.
    """

    def __init__(self, parameters: FlatParameters, patience: Sequence[int | None]) -> None:
        stack = len(patience)
        super().__init__(parameters, stack, parameters.flat.detach().clone())
        device = self.flat.device
        self.best = torch.full((stack,), torch.inf, device=device)
        self.since = torch.zeros(stack, dtype=torch.long, device=device)
        self.stopped = torch.full((stack,), _NEVER, device=device)
        self._patient = [own is not None for own in patience]
        endless = torch.iinfo(torch.long).max
        self._patience = torch.tensor([own or endless for own in patience], device=device)
        self._parameters = parameters

    def look(self, update: int, nll: Tensor, weights: Tensor) -> None:
        """Compare one point of the curve, (K,), with the best; `weights` are those it was measured with."""
        better = (nll < self.best) & (self.stopped == _NEVER)
        for k, is_better in enumerate(better.unbind()):
            if self._patient[k]:
                for part, values in zip(self._own[k], self._parameters.pieces(weights, k), strict=True):
                    part.copy_(torch.where(is_better, values, part))
        self.best = torch.where(better, nll, self.best)
        self.since = torch.where(better, 0, self.since + 1)
        ends = (self.since >= self._patience) & (self.stopped == _NEVER)
        self.stopped = torch.where(ends, update + 1, self.stopped)

    def restore(self, weights: Tensor) -> None:
        """Put the best weights of those that have a patience into a buffer of all parameters."""
        for k, own in enumerate(self._own):
            if self._patient[k]:
                for part, values in zip(self._parameters.pieces(weights, k), own, strict=True):
                    part.copy_(values)

    def state(self, k: int) -> dict[str, Tensor]:
        """What is known of the k-th IIN, and its best weights; nothing of one without a patience."""
        if not self._patient[k]:
            return {}
        own = {name: getattr(self, name)[k].clone() for name in ("best", "since", "stopped")}
        return {**own, **super().state(k)}

    def load(self, k: int, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` gave."""
        if not self._patient[k]:
            return
        super().load(k, state)
        for name in ("best", "since", "stopped"):
            getattr(self, name)[k] = state[name]
