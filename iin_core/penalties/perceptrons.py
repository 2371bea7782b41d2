"""Many small perceptrons of one shape in one program: K IINs times P critics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from iin_core.transforms.gradient_place import take_place

threshold_backward = torch.ops.aten.threshold_backward.grad_input

_NEXT = 2**24
"""Between the seeds of two critics of one IIN."""


class Perceptrons(nn.Module):
    """Linear layers with ReLU between them, for each IIN and each of its P critics.

    Args:
        widths: of the layers, input and output included.
        n_critics: P.
        seeds: one an IIN; each critic starts the same whatever stands beside it.
    """

    def __init__(self, widths: Sequence[int], n_critics: int, seeds: Sequence[int]) -> None:
        super().__init__()
        generators = [
            [torch.Generator().manual_seed(seed + p * _NEXT) for p in range(n_critics)] for seed in seeds
        ]
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for n_in, n_out in pairwise(widths):
            bound = 1 / math.sqrt(n_in)
            for parameters, rows in ((self.weights, n_in), (self.biases, 1)):
                drawn = [_rand(rows, n_out, own) for own in generators]
                parameters.append(nn.Parameter((2 * torch.stack(drawn) - 1) * bound))

    def forward(self, x: Tensor) -> Tensor:
        """Map x, (K, P, n, width), to (K, P, n, width')."""
        parameters = [*self.weights._parameters.values(), *self.biases._parameters.values()]
        outputs: Tensor = _Run.apply(x, *parameters)
        return outputs


class _Run(torch.autograd.Function):
    """All layers, given the weights and then the biases, (K, P, …), with the gradient written by hand."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *parameters: Tensor) -> Tensor:
        flat = [parameter.flatten(0, 1) for parameter in parameters]
        n = len(flat) // 2
        read = [x.flatten(0, 1)]
        for i, (weight, bias) in enumerate(zip(flat[:n], flat[n:], strict=True)):
            h = torch.bmm(read[i], weight).add_(bias)
            read.append(h.relu_() if i < n - 1 else h)
        ctx.read, ctx.weights, ctx.parameters = read[:-1], flat[:n], parameters
        return read[-1].view(*x.shape[:3], -1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        places = [take_place(parameter) for parameter in ctx.parameters]
        n, flowing = len(ctx.weights), grad.flatten(0, 1)
        for i in reversed(range(n)):
            torch.sum(flowing, 1, keepdim=True, out=places[n + i].flat)
            torch.bmm(ctx.read[i].mT, flowing, out=places[i].flat)
            flowing = torch.bmm(flowing, ctx.weights[i].mT)
            if i:
                threshold_backward(flowing, ctx.read[i], 0, grad_input=flowing)
        return flowing.view(*grad.shape[:3], -1), *(place.whole for place in places)


def _rand(rows: int, columns: int, generators: Sequence[torch.Generator]) -> Tensor:
    return torch.stack([torch.rand(rows, columns, generator=generator) for generator in generators])
