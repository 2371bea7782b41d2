"""The conditioning network: what every coupling of a conditional flow reads of the layer z."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from iin_core.errors import InputError
from iin_core.transforms.conditioner import SLOPE


class Embedding(nn.Module):
    """A perceptron from z, (K, n, C), to its embedding, (K, n, E), one for each flow of the stack.

    Args:
        widths: C, those of the hidden layers, E.
        generators: one for each flow of the stack.
        slope: of the leaky ReLU behind each layer but the last.
    """

    def __init__(
        self, widths: Sequence[int], generators: Sequence[torch.Generator], slope: float = SLOPE
    ) -> None:
        super().__init__()
        self.widths, self.slope = tuple(widths), slope
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for n_in, n_out in pairwise(widths):
            for shape, parameters in (((n_in, n_out), self.weights), ((1, n_out), self.biases)):
                values = torch.empty(len(generators), *shape)
                for value, generator in zip(values, generators, strict=True):
                    value.uniform_(-1 / math.sqrt(n_in), 1 / math.sqrt(n_in), generator=generator)
                parameters.append(nn.Parameter(values))

    @property
    def n_in(self) -> int:
        """C."""
        return self.widths[0]

    @property
    def n_out(self) -> int:
        """E."""
        return self.widths[-1]

    def forward(self, z: Tensor) -> Tensor:
        """Map z, (K, n, C), to (K, n, E)."""
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            z = torch.baddbmm(bias, leaky_relu(z, self.slope) if i else z, weight)
        return z


class SpatialEmbedding(nn.Module):
    """Strided convolutions of a layer (C, H, W), then a dense one over all that is left: (1, n, E).

    Only public checkpoints have it; it holds one flow (K = 1).

    Args:
        shape: (C, H, W) of z, whose rows are flattened.
        widths: channels behind each convolution; the last is E.
        kernel: height and width of the last one; the others are 4 × 4 with stride 2 and a margin of 1.
        slope: of the leaky ReLU behind each convolution but the last.
    """

    def __init__(self, shape: tuple[int, int, int], widths: Sequence[int], kernel: int, slope: float) -> None:
        super().__init__()
        self.shape, self.widths, self.kernel, self.slope = shape, tuple(widths), kernel, slope
        sizes = [4] * (len(widths) - 1) + [kernel]
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for n_in, n_out, size in zip((shape[0], *widths), widths, sizes, strict=False):
            self.weights.append(nn.Parameter(torch.zeros(1, n_out, n_in, size, size)))
            self.biases.append(nn.Parameter(torch.zeros(1, n_out)))

    @property
    def n_in(self) -> int:
        """C · H · W."""
        return math.prod(self.shape)

    @property
    def n_out(self) -> int:
        """E."""
        return self.widths[-1]

    def forward(self, z: Tensor) -> Tensor:
        """Map rows of z, (1, n, C · H · W), to (1, n, E)."""
        return self.of_maps(z[0].unflatten(1, self.shape))[None]

    def of_maps(self, maps: Tensor) -> Tensor:
        """Map z in its own shape, (n, C, height, width), to (n, E).

        Raises:
            InputError: maps of another size than the convolutions lead to one place.
        """
        last, shape = len(self.weights) - 1, tuple(maps.shape[1:])
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            way = {"stride": 2, "padding": 1} if i < last else {}
            if i == last and tuple(maps.shape[2:]) != (self.kernel, self.kernel):
                raise InputError(
                    f"Maps of shape {shape} do not fit the embedding, which reads {self.shape}.",
                    fix="give activations of the layer that the flow was trained on",
                )
            maps = nn.functional.conv2d(maps, weight[0], bias[0], **way)
            maps = leaky_relu(maps, self.slope) if i < last else maps
        return maps.flatten(1)
