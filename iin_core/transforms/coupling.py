"""Affine coupling applied to both halves in turn."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from iin_core.transforms.affine_pass import AffinePass
from iin_core.transforms.affine_step import move, move_back
from iin_core.transforms.conditioner import Conditioner, NetShape
from iin_core.transforms.memory import Memory
from iin_core.transforms.passes import Gradients, Pass


class Coupling(nn.Module):
    """Two affine steps: the first half moves the second, then the halves are exchanged and it is done again.

    For j = 0, 1 (before j = 1 the halves are exchanged): the first half u stays, the second becomes
    v · exp(s_j(u)) + t_j(u); the halves stay exchanged. s_j ends in tanh. It starts as an exchange of
    the halves.

    Args:
        n_dims: N, even.
        shape: of the networks for scale and translation.
        generators: one for each IIN of the stack.

    Source: the coupling of the paper's network (section 4), in the order of the public checkpoints.
    """

    nets: Sequence[Conditioner]

    def __init__(self, n_dims: int, shape: NetShape, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.n_half, self.shape = n_dims // 2, shape
        nets = [Conditioner(self.n_half, self.n_half, shape, generators) for _ in range(2)]
        self.nets = nn.ModuleList(nets)  # type: ignore[assignment]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x, (K, n, N), to y, (K, n, N), and log|dy/dx|, (K, n)."""
        u, v = x.chunk(2, -1)
        v, log_det_v = move(self.nets[0], u, v)
        u, log_det_u = move(self.nets[1], v, u)
        return torch.cat((v, u), -1), log_det_v + log_det_u

    def inverse(self, y: Tensor) -> Tensor:
        """Map y, (K, n, N), back to x."""
        v, u = y.chunk(2, -1)
        u = move_back(self.nets[1], v, u)
        v = move_back(self.nets[0], u, v)
        return torch.cat((u, v), -1)

    def record(self, x: Tensor, memory: Memory) -> Pass:
        """See `HasPass`."""
        return _CouplingPass(self, x, memory)


class _CouplingPass(Pass):
    """Both steps; none reads what it moves, so that the gradient needs no copy of x."""

    def __init__(self, coupling: Coupling, x: Tensor, memory: Memory) -> None:
        self.y = memory.take(*x.shape)
        u, v = x.chunk(2, -1)
        moved_v, moved_u = self.y.chunk(2, -1)
        self._first = AffinePass(coupling.nets[0], [u], v, moved_v, memory)
        self._second = AffinePass(coupling.nets[1], [moved_v], u, moved_u, memory)

    def run(self, log_det: Tensor) -> None:
        """See `Pass`."""
        self._first.run(log_det)
        self._second.run(log_det)

    def bind(self, grad: Tensor, spare: Tensor) -> tuple[Tensor, Tensor]:
        """See `Pass`."""
        grad_moved_v, grad_moved_u = grad.chunk(2, -1)
        grad_u, grad_v = spare.chunk(2, -1)
        self._second.bind(grad_moved_u, grad_u, [grad_moved_v])
        self._first.bind(grad_moved_v, grad_v, [grad_u])
        return spare, grad

    def run_back(self, grad_log_det: Tensor, gradients: Gradients) -> None:
        """See `Pass`."""
        self._second.run_back(grad_log_det, gradients)
        self._first.run_back(grad_log_det, gradients)
