"""Affine coupling applied to both halves in turn."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from iin_core.transforms.affine_step import move, move_back
from iin_core.transforms.conditioner import Conditioner, NetShape


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
