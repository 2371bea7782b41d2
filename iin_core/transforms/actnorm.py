"""Activation normalisation: one scale and shift a dimension, set by the first data seen."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from iin_core.transforms.memory import Memory
from iin_core.transforms.passes import Gradients, Pass

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

    def record(self, x: Tensor, memory: Memory) -> Pass:
        """See `HasPass`."""
        return _ActNormPass(self, x, memory)


class _ActNormPass(Pass):
    def __init__(self, norm: ActNorm, x: Tensor, memory: Memory) -> None:
        self._norm, self._x, self.y = norm, x, memory.take(*x.shape)
        self._loc, self._scale = norm.loc.detach(), norm.scale.detach()
        self._weighted = memory.shared("scaled", *x.shape)
        self._ones = x.new_ones(1, 1, x.shape[1]).expand(len(x), -1, -1)

    def run(self, log_det: Tensor) -> None:
        torch.addcmul(self._loc * self._scale, self._x, self._scale, out=self.y)
        log_det.add_(self._scale.abs().log().sum(-1))

    def bind(self, grad: Tensor, spare: Tensor) -> tuple[Tensor, Tensor]:
        self._grad = grad
        return grad, spare

    def run_back(self, grad_log_det: Tensor, gradients: Gradients) -> None:
        torch.mul(self._grad, self._x, out=self._weighted)
        weighted, plain = torch.bmm(self._ones, self._weighted), torch.bmm(self._ones, self._grad)
        of_log_det = grad_log_det.sum(1)[:, None, None] / self._scale
        gradients[self._norm.scale] = weighted.addcmul_(plain, self._loc).add_(of_log_det)
        gradients[self._norm.loc] = plain.mul_(self._scale)
        self._grad.mul_(self._scale)
