"""Activation normalisation: one scale and shift a dimension, set by the first data seen."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_STD_FLOOR = 1e-6


class ActNorm(nn.Module):
    """y = scale · (x + loc).

    Source: the activation normalisation of the paper's network (section 4); the shapes of loc and
    scale follow the public checkpoints, with the stack of IINs in front.
    """

    def __init__(self, n_dims: int, *, stack: int = 1) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(stack, 1, n_dims))
        self.scale = nn.Parameter(torch.ones(stack, 1, n_dims))

    @torch.no_grad()
    def initialize(self, x: Tensor) -> None:
        """Set loc and scale so that the rows `x`, (K, n, N), come out with mean 0 and variance 1."""
        self.loc.copy_(-x.mean(1, keepdim=True))
        self.scale.copy_(1 / (x.std(1, keepdim=True) + _STD_FLOOR))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x, (K, n, N), to y, (K, n, N), and log|dy/dx|, (K, n)."""
        log_det = self.scale.abs().log().sum(-1).expand(x.shape[:2])
        return self.scale * (x + self.loc), log_det

    def inverse(self, y: Tensor) -> Tensor:
        """Map y, (K, n, N), back to x."""
        return y / self.scale - self.loc
