"""Affine coupling applied to both halves in turn, with networks for scale and translation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu


class Coupling(nn.Module):
    """Two affine steps: the first half moves the second, then the halves are exchanged and it is done again.

    For j = 0, 1 (before j = 1 the halves are exchanged): the first half u stays, the second becomes
    v · exp(s_j(u)) + t_j(u); the halves stay exchanged. s_j ends in tanh. The networks of scale and
    translation are separate but run as one batched product. The last layer starts at zero, so that
    the coupling starts as an exchange of the halves.

    Args:
        n_dims: N, even.
        hidden: the width of the hidden layers.
        depth: hidden layers between the first and the last.
        generators: one for each IIN of the stack.

    Source: the coupling of the paper's network (section 4), in the order of the public checkpoints.
    """

    def __init__(self, n_dims: int, hidden: int, depth: int, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.n_half, self.hidden, self.depth = n_dims // 2, hidden, depth
        widths = [self.n_half, *[hidden] * (depth + 1), self.n_half]
        self.nets = nn.ModuleList(_ScaleAndTranslation(widths, generators) for _ in range(2))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x, (K, n, N), to y, (K, n, N), and log|dy/dx|, (K, n)."""
        u, v = x[..., : self.n_half], x[..., self.n_half :]
        log_scale_0, shift_0 = self.nets[0](u)
        v = torch.addcmul(shift_0, v, log_scale_0.exp())
        log_scale_1, shift_1 = self.nets[1](v)
        u = torch.addcmul(shift_1, u, log_scale_1.exp())
        return torch.cat((v, u), -1), (log_scale_0 + log_scale_1).sum(-1)

    def inverse(self, y: Tensor) -> Tensor:
        """Map y, (K, n, N), back to x."""
        v, u = y[..., : self.n_half], y[..., self.n_half :]
        log_scale, shift = self.nets[1](v)
        u = (u - shift) * log_scale.neg().exp()
        log_scale, shift = self.nets[0](u)
        v = (v - shift) * log_scale.neg().exp()
        return torch.cat((u, v), -1)


class _ScaleAndTranslation(nn.Module):
    """Two perceptrons of one shape, stacked on an axis behind that of the IINs: scale first."""

    def __init__(self, widths: Sequence[int], generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for i, (n_in, n_out) in enumerate(pairwise(widths)):
            last = i == len(widths) - 2
            self.weights.append(_initial((2, n_in, n_out), n_in, generators, zero=last))
            self.biases.append(_initial((2, 1, n_out), n_in, generators, zero=last))

    def forward(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Map u, (K, n, N/2), to the log-scale within (-1, 1) and the translation, each (K, n, N/2)."""
        stack, n_rows, _ = u.shape
        h = u[:, None].expand(-1, 2, -1, -1).flatten(0, 1)
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = torch.baddbmm(bias.flatten(0, 1), leaky_relu(h) if i else h, weight.flatten(0, 1))
        log_scale, shift = h.view(stack, 2, n_rows, -1).unbind(1)
        return log_scale.tanh(), shift


def _initial(
    shape: tuple[int, ...], fan_in: int, generators: Sequence[torch.Generator], *, zero: bool
) -> nn.Parameter:
    """Uniform in ±1/√fan_in, as torch's linear layers start."""
    values = torch.zeros(len(generators), *shape)
    if not zero:
        for value, generator in zip(values, generators, strict=True):
            value.uniform_(-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in), generator=generator)
    return nn.Parameter(values)
