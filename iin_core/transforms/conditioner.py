"""The networks of an affine step: what stays says by how much the other part is scaled and shifted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu_

SLOPE = 0.01
"""Of the hidden layers' leaky ReLU."""


@dataclass(frozen=True)
class NetShape:
    """The shape of a step's networks.

    Attributes:
        hidden: the width of the hidden layers.
        depth: hidden layers between the first and the last.
        joint: one network for log-scale and shift together instead of one each.
    """

    hidden: int
    depth: int
    joint: bool = False


class Conditioner(nn.Module):
    """Perceptrons from u to a log-scale within (-1, 1) and a shift; two side by side, or one for both.

    They run as one batched product over the IINs of the stack and the networks of each. The last
    layer starts at zero, so that the step starts as the identity.

    Args:
        n_in, n_out: the widths of u, and of the log-scale and the shift.
        shape: of the networks.
        generators: one for each IIN of the stack.

    Source: the scale and translation networks of the paper's coupling (section 4).
    """

    def __init__(self, n_in: int, n_out: int, shape: NetShape, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.n_nets = 1 if shape.joint else 2
        widths = [n_in, *[shape.hidden] * (shape.depth + 1), 2 * n_out // self.n_nets]
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for i, (n_from, n_to) in enumerate(pairwise(widths)):
            last = i == len(widths) - 2
            self.weights.append(_initial((self.n_nets, n_from, n_to), n_from, generators, zero=last))
            self.biases.append(_initial((self.n_nets, 1, n_to), n_from, generators, zero=last))

    def tensors(self) -> list[Tensor]:
        """All weights, then all biases; indexing a list of parameters is slow."""
        return [*self.weights._parameters.values(), *self.biases._parameters.values()]  # type: ignore[list-item]

    def forward(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Map u, (K, n, n_in), to the log-scale within (-1, 1) and the shift, each (K, n, n_out)."""
        h = u[:, None].expand(-1, self.n_nets, -1, -1).flatten(0, 1)
        flat = [parameter.flatten(0, 1) for parameter in self.tensors()]
        for i, (weight, bias) in enumerate(zip(flat[: len(flat) // 2], flat[len(flat) // 2 :], strict=True)):
            h = torch.baddbmm(bias, leaky_relu_(h, SLOPE) if i else h, weight)
        log_scale, shift = log_scale_and_shift(h, self.n_nets)
        return log_scale.tanh(), shift


def for_each_net(rows: Tensor, n_nets: int) -> Tensor:
    """A view of (K · m, n, width) as (K, m, n, width)."""
    return rows.view(-1, n_nets, rows.shape[1], rows.shape[2])


def log_scale_and_shift(output: Tensor, n_nets: int) -> tuple[Tensor, Tensor]:
    """Views of both, (K, n, n_out), in what the last layer gives, (K · m, n, 2 · n_out / m)."""
    log_scale, shift = output.chunk(2, -1) if n_nets == 1 else for_each_net(output, 2).unbind(1)
    return log_scale, shift


def _initial(
    shape: tuple[int, ...], fan_in: int, generators: Sequence[torch.Generator], *, zero: bool
) -> nn.Parameter:
    """Uniform in ±1/√fan_in, as torch's linear layers start."""
    values = torch.zeros(len(generators), *shape)
    if not zero:
        for value, generator in zip(values, generators, strict=True):
            value.uniform_(-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in), generator=generator)
    return nn.Parameter(values)
