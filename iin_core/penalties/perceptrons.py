"""Many small perceptrons of one shape in one program: K IINs times P critics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

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
        shape = x.shape[:2]
        h = x.flatten(0, 1)
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = torch.baddbmm(bias.flatten(0, 1), h.relu() if i else h, weight.flatten(0, 1))
        outputs: Tensor = h.unflatten(0, shape)
        return outputs


def _rand(rows: int, columns: int, generators: Sequence[torch.Generator]) -> Tensor:
    return torch.stack([torch.rand(rows, columns, generator=generator) for generator in generators])
