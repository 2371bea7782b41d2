"""Couplings that move the residual alone, given the blocks of all concepts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from iin_core.transforms.affine_pass import AffinePass
from iin_core.transforms.affine_step import move, move_back
from iin_core.transforms.conditioner import Conditioner, NetShape
from iin_core.transforms.memory import Memory
from iin_core.transforms.passes import Gradients, Pass


class ResidualCoupling(nn.Module):
    """Each half of the residual in turn is scaled and shifted by nets that read all that stays.

    v, a half of the residual, becomes v · exp(s(u)) + t(u), where u is everything else: the blocks of
    all concepts, which no step changes, and the other half. What the residual still says of a concept
    can so be taken from it without touching the concept's own block. A residual of one dimension is
    moved by the concepts alone. It starts as the identity.

    Args:
        n_dims: N.
        residual: where the residual lies in z̃, the same for every IIN of the stack.
        shape: of the networks for scale and translation.
        generators: one for each IIN of the stack.

    Source: ours; the paper's couplings (section 4) mix all blocks.
    """

    nets: Sequence[Conditioner]

    def __init__(
        self, n_dims: int, residual: slice, shape: NetShape, generators: Sequence[torch.Generator]
    ) -> None:
        super().__init__()
        self.residual, self.shape = residual, shape
        middle = (residual.start + residual.stop) // 2
        bounds = ((residual.start, middle), (middle, residual.stop))
        self.moved = [(start, stop) for start, stop in bounds if stop > start]
        nets = [
            Conditioner(n_dims - (stop - start), stop - start, shape, generators)
            for start, stop in self.moved
        ]
        self.nets = nn.ModuleList(nets)  # type: ignore[assignment]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x, (K, n, N), to y, (K, n, N), and log|dy/dx|, (K, n)."""
        log_det = x.new_zeros(x.shape[:2])
        for net, (start, stop) in zip(self.nets, self.moved, strict=True):
            before, v, behind = _split(x, start, stop)
            v, step_log_det = move(net, torch.cat((before, behind), -1), v)
            x, log_det = torch.cat((before, v, behind), -1), log_det + step_log_det
        return x, log_det

    def inverse(self, y: Tensor) -> Tensor:
        """Map y, (K, n, N), back to x."""
        for net, (start, stop) in zip(reversed(self.nets), reversed(self.moved), strict=True):
            before, v, behind = _split(y, start, stop)
            v = move_back(net, torch.cat((before, behind), -1), v)
            y = torch.cat((before, v, behind), -1)
        return y

    def record(self, x: Tensor, memory: Memory) -> Pass:
        """See `HasPass`."""
        return _ResidualPass(self, x, memory)


class _ResidualPass(Pass):
    """Steps on a copy of x: v is read from x, all else from the copy, where v is overwritten."""

    def __init__(self, coupling: ResidualCoupling, x: Tensor, memory: Memory) -> None:
        self._x, self.y, self._moved = x, memory.take(*x.shape), coupling.moved
        self._steps = []
        for net, (start, stop) in zip(coupling.nets, coupling.moved, strict=True):
            before, moved, behind = _split(self.y, start, stop)
            v = x[..., start:stop]
            self._steps.append(AffinePass(net, _filled(before, behind), v, moved, memory))

    def run(self, log_det: Tensor) -> None:
        """See `Pass`."""
        self.y.copy_(self._x)
        for step in self._steps:
            step.run(log_det)

    def bind(self, grad: Tensor, spare: Tensor) -> tuple[Tensor, Tensor]:
        """See `Pass`."""
        for step, (start, stop) in zip(self._steps, self._moved, strict=True):
            before, moved, behind = _split(grad, start, stop)
            step.bind(moved, moved, _filled(before, behind))
        return grad, spare

    def run_back(self, grad_log_det: Tensor, gradients: Gradients) -> None:
        """See `Pass`."""
        for step in reversed(self._steps):
            step.run_back(grad_log_det, gradients)


def _filled(*parts: Tensor) -> list[Tensor]:
    return [part for part in parts if part.shape[-1]]


def _split(x: Tensor, start: int, stop: int) -> tuple[Tensor, Tensor, Tensor]:
    before, v, behind = x.split((start, stop - start, x.shape[-1] - stop), -1)
    return before, v, behind
