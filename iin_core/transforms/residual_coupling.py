"""Couplings that move the residual alone, given the blocks of all concepts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from iin_core.transforms.affine_step import move, move_back
from iin_core.transforms.conditioner import Conditioner, NetShape


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


def _split(x: Tensor, start: int, stop: int) -> tuple[Tensor, Tensor, Tensor]:
    before, v, behind = x.split((start, stop - start, x.shape[-1] - stop), -1)
    return before, v, behind
