"""The published conditional flows, written down from their description: the oracle for loading checkpoints.

The modules below have the parameter names of the public checkpoints, so that a random one of them *is* a
checkpoint of that layout; what they compute is written here anew, in any floating dtype.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


class Norm(nn.Module):
    """scale · (x + loc), each of shape (1, N, 1, 1), with the flag of the first batch."""

    def __init__(self, n_dims: int) -> None:
        super().__init__()
        signs = torch.randint(0, 2, (1, n_dims, 1, 1)) * 2.0 - 1.0
        self.loc = nn.Parameter(0.3 * torch.randn(1, n_dims, 1, 1))
        self.scale = nn.Parameter(signs * (0.5 + torch.rand(1, n_dims, 1, 1)))
        self.register_buffer("initialized", torch.tensor(1, dtype=torch.uint8))

    def forward(self, x: Tensor) -> Tensor:
        shape = (1, -1, 1, 1) if x.ndim == 4 else (1, -1)
        return self.scale.view(shape) * (x + self.loc.view(shape))


class Perceptron(nn.Module):
    """`main`: linear layers with a leaky ReLU of slope 0.01 between them, with batch or no normalisation."""

    def __init__(self, n_in: int, n_out: int, hidden: int, depth: int, norm: str = "none") -> None:
        super().__init__()
        norms = {"none": lambda: [], "batch": lambda: [_batch_norm(hidden)], "act": lambda: [Norm(hidden)]}
        layers: list[nn.Module] = []
        for i in range(depth + 1):
            layers += [nn.Linear(hidden if i else n_in, hidden), *norms[norm](), nn.LeakyReLU()]
        self.main = nn.Sequential(*layers, nn.Linear(hidden, n_out))

    def forward(self, x: Tensor) -> Tensor:
        return self.main(x)


def _batch_norm(n_dims: int) -> nn.BatchNorm1d:
    norm = nn.BatchNorm1d(n_dims)
    for tensor in (norm.weight.data, norm.running_var):
        tensor.uniform_(0.5, 2)
    for tensor in (norm.bias.data, norm.running_mean):
        tensor.normal_()
    return norm


class Couplings(nn.Module):
    """Scale and translation networks, two of each, that read half of x and the condition."""

    def __init__(self, n_dims: int, n_given: int, hidden: int, depth: int) -> None:
        super().__init__()
        sizes = (n_dims // 2 + n_given, n_dims // 2, hidden, depth)
        self.s = nn.ModuleList(Perceptron(*sizes) for _ in range(2))
        self.t = nn.ModuleList(Perceptron(*sizes) for _ in range(2))


class Shuffle(nn.Module):
    """y_i = x[forward index i]."""

    def __init__(self, n_dims: int) -> None:
        super().__init__()
        order = torch.randperm(n_dims)
        self.register_buffer("forward_shuffle_idx", order)
        self.register_buffer("backward_shuffle_idx", torch.argsort(order))


class Step(nn.Module):
    """One of `sub_layers`."""

    def __init__(self, n_dims: int, n_given: int, hidden: int, depth: int) -> None:
        super().__init__()
        self.norm_layer = Norm(n_dims)
        self.coupling = Couplings(n_dims, n_given, hidden, depth)
        self.shuffle = Shuffle(n_dims)

    def encode(self, x: Tensor, c: Tensor, slope: float) -> tuple[Tensor, Tensor]:
        """The code and its log|det| as published: that of the leaky ReLU is left out."""
        x = self.norm_layer(x)
        log_det = self.norm_layer.scale.abs().log().sum().expand(len(x))
        x = torch.where(x < 0, slope * x, x)
        still, moved = x.chunk(2, 1)
        for j in range(2):
            if j:
                still, moved = moved, still
            seen = torch.cat((still, c), 1)
            log_scale = self.coupling.s[j](seen).tanh()
            moved = moved * log_scale.exp() + self.coupling.t[j](seen)
            log_det = log_det + log_scale.sum(1)
        return torch.cat((still, moved), 1)[:, self.shuffle.forward_shuffle_idx], log_det


class Flow(nn.Module):
    """`sub_layers`, and where they are trained `conditioning_layers`, one after another."""

    def __init__(self, n_dims: int, n_given: int, steps: int, hidden: int, depth: int, between: bool) -> None:
        super().__init__()
        self.sub_layers = nn.ModuleList(Step(n_dims, n_given, hidden, depth) for _ in range(steps))
        if between:
            self.conditioning_layers = nn.ModuleList(nn.Conv2d(n_given, n_given, 1) for _ in range(steps))

    def encode(self, x: Tensor, embedding: Tensor, slope: float = 1.0) -> tuple[Tensor, Tensor]:
        """v and the published log|det|."""
        log_det, maps = torch.zeros(len(x)).to(x), embedding[:, :, None, None]
        for i, step in enumerate(self.sub_layers):
            if hasattr(self, "conditioning_layers"):
                maps = self.conditioning_layers[i](maps)
            x, own = step.encode(x, maps[:, :, 0, 0], slope)
            log_det = log_det + own
        return x, log_det


class Net2Net(nn.Module):
    """The whole of a net2net training: `flow` holds its embedder; two other models lie beside it."""

    def __init__(self, n_dims=8, n_z=5, n_given=6, norm="batch", between=False) -> None:
        super().__init__()
        self.flow = Flow(n_dims, n_given, 3, 16, 2, between)
        self.flow.embedder = Perceptron(n_z, n_given, 12, 2, norm)
        self.first_stage_model = nn.Linear(2, 2)
        self.cond_stage_model = nn.Linear(2, 2)

    def encode(self, x: Tensor, z: Tensor, slope: float = 1.0) -> tuple[Tensor, Tensor]:
        return self.flow.encode(x, self.flow.embedder(z), slope)


class DenseEmbedder(nn.Module):
    """`net`: 1 × 1 convolutions, each but the last with a normalisation and a leaky ReLU of slope 0.2."""

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(widths[:-1]):
            layers += [nn.Conv2d(n_in, n_out, 1), Norm(n_out), nn.LeakyReLU(0.2)]
        self.net = nn.ModuleList([*layers, nn.Conv2d(widths[-2], widths[-1], 1)])

    def forward(self, z: Tensor) -> Tensor:
        maps = z[:, :, None, None]
        for layer in self.net:
            maps = layer(maps)
        return maps[:, :, 0, 0]


class _SubLayers(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.sub_layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.sub_layers:
            x = layer(x)
        return x


class SpatialEmbedder(nn.Module):
    """`feature_layers` that halve the maps, and `dense_encode` over what is left of them."""

    def __init__(self, size: int, widths: list[int]) -> None:
        super().__init__()
        self.feature_layers = nn.ModuleList(
            _SubLayers(nn.Conv2d(n_in, n_out, 4, 2, 1, bias=False), Norm(n_out), nn.LeakyReLU(0.2))
            for n_in, n_out in pairwise(widths[:-1])
        )
        kernel = size // 2 ** (len(widths) - 2)
        self.dense_encode = _SubLayers(nn.Conv2d(widths[-2], widths[-1], kernel))

    def forward(self, z: Tensor) -> Tensor:
        for layer in self.feature_layers:
            z = layer(z)
        return self.dense_encode(z)[:, :, 0, 0]


class Invariances(nn.Module):
    """A model of the invariances repository: `flow` and `embedder` side by side."""

    def __init__(self, embedder: nn.Module, n_dims: int = 8, between: bool = False) -> None:
        super().__init__()
        self.flow = Flow(n_dims, n_dims, 2, 16, 2, between)
        self.embedder = embedder

    def encode(self, x: Tensor, z: Tensor, slope: float = 1.0) -> tuple[Tensor, Tensor]:
        return self.flow.encode(x, self.embedder(z), slope)


def drawn(make, seed=0) -> nn.Module:  # type: ignore[no-untyped-def]
    """A model from a seed, in evaluation mode."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make().eval()
