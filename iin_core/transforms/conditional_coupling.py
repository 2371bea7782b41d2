"""Affine coupling applied to both halves in turn, with networks that read a condition besides."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from iin_core.transforms.affine_step import move, move_back
from iin_core.transforms.conditioner import Conditioner, NetShape


class ConditionalCoupling(nn.Module):
    """The two affine steps of a `Coupling`, whose scale and translation depend on given numbers too.

    v becomes v · exp(s_j(u, c)) + t_j(u, c), where c is the condition, behind u in what the networks read.

    Args:
        n_dims: N, even.
        n_given: the width of c.
        shape: of the networks for scale and translation.
        generators: one for each flow of the stack.

    Source: Rombach et al., ECCV 2020 (2008.01777), section 3.1; order of steps and inputs as in the public
        checkpoints.
    """

    nets: Sequence[Conditioner]

    def __init__(
        self, n_dims: int, n_given: int, shape: NetShape, generators: Sequence[torch.Generator]
    ) -> None:
        super().__init__()
        self.n_given, self.shape = n_given, shape
        n_half = n_dims // 2
        nets = [Conditioner(n_half + n_given, n_half, shape, generators) for _ in range(2)]
        self.nets = nn.ModuleList(nets)  # type: ignore[assignment]

    def forward(self, x: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        """Map x, (K, n, N), to y, (K, n, N), and log|dy/dx|, (K, n), given c, (K, n, n_given)."""
        u, v = x.chunk(2, -1)
        v, log_det_v = move(self.nets[0], torch.cat((u, given), -1), v)
        u, log_det_u = move(self.nets[1], torch.cat((v, given), -1), u)
        return torch.cat((v, u), -1), log_det_v + log_det_u

    def inverse(self, y: Tensor, given: Tensor) -> Tensor:
        """Map y, (K, n, N), back to x."""
        v, u = y.chunk(2, -1)
        u = move_back(self.nets[1], torch.cat((v, given), -1), u)
        v = move_back(self.nets[0], torch.cat((u, given), -1), v)
        return torch.cat((u, v), -1)
