"""The published network and loss, written the way that they were published: the baseline of `train`.

Separate passes for both rows of a pair, separate networks for scale and translation, a loss that goes
from block to block, log entries that wait for their numbers, default Adam. The operators that an update
dispatches are counted in the tests and by `train`: `OPERATORS` in forward and backward.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

OPERATORS, TOLERANCE = 4028, 0.03
RHO = 0.975


class Perceptron(nn.Sequential):
    """Linear layers with LeakyReLU between them."""

    def __init__(self, widths: Sequence[int], *, tanh: bool) -> None:
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(widths):
            layers += [nn.Linear(n_in, n_out), nn.LeakyReLU()]
        super().__init__(*layers[:-1], *([nn.Tanh()] if tanh else []))


class ActNorm(nn.Module):
    """Activation normalisation; asks each time whether the first batch has set it."""

    def __init__(self, n_dims: int) -> None:
        super().__init__()
        self.loc, self.scale = nn.Parameter(torch.zeros(1, n_dims)), nn.Parameter(torch.ones(1, n_dims))
        self.register_buffer("is_set", torch.tensor(1, dtype=torch.uint8))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map rows, (n, N), to rows and log-determinants, (n,)."""
        if self.is_set.item() == 0:
            raise ValueError("the first batch has not set the normalisation")
        n_places = 1
        log_det = n_places * self.scale.abs().log().sum()
        return self.scale * (x + self.loc), log_det * torch.ones(len(x)).to(x)


class Coupling(nn.Module):
    """A coupling of both halves in turn."""

    def __init__(self, n_dims: int, hidden: int, depth: int) -> None:
        super().__init__()
        widths = [n_dims // 2, *[hidden] * (depth + 1), n_dims // 2]
        self.s = nn.ModuleList(Perceptron(widths, tanh=True) for _ in range(2))
        self.t = nn.ModuleList(Perceptron(widths, tanh=False) for _ in range(2))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | int]:
        """Map rows, (n, N), to rows and log-determinants, (n,)."""
        log_det: Tensor | int = 0
        for j in range(2):
            if j:
                x = torch.cat(torch.chunk(x, 2, 1)[::-1], 1)
            u, v = torch.chunk(x, 2, 1)
            log_scale = self.s[j](u)
            x = torch.cat((u, v * log_scale.exp() + self.t[j](u)), 1)
            log_det = log_det + log_scale.sum(1)
        return x, log_det


class Shuffle(nn.Module):
    """A fixed permutation."""

    def __init__(self, n_dims: int) -> None:
        super().__init__()
        self.register_buffer("order", torch.randperm(n_dims))

    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        """Map rows, (n, N), to rows and a log-determinant of 0."""
        return x[:, self.order], 0


class Chain(nn.Module):
    """Transforms, or chains of them, one after another."""

    def __init__(self, transforms: Sequence[nn.Module]) -> None:
        super().__init__()
        self.transforms = nn.ModuleList(transforms)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | int]:
        """Map rows, (n, N), to rows and log-determinants, (n,)."""
        log_det: Tensor | int = 0
        for transform in self.transforms:
            x, own = transform(x)
            log_det = log_det + own
        return x, log_det


def as_published(n_dims: int, hidden: int, depth: int, n_blocks: int) -> Chain:
    """Make the network: blocks of normalisation, coupling, shuffle."""
    return Chain(
        [Chain([ActNorm(n_dims), Coupling(n_dims, hidden, depth), Shuffle(n_dims)]) for _ in range(n_blocks)]
    )


def factor_loss(
    codes: tuple[Tensor, Tensor], log_dets: tuple[Tensor, Tensor], factor: Tensor, dims: Sequence[int]
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of pairs, in nats a pair, and its parts.

    Args:
        codes: z̃ of rows a and b, (n, N) each.
        log_dets: theirs, (n,) each.
        factor: the block that each pair shares, (n,).
        dims: of the blocks, in order.
    """
    a, b = (code.split(list(dims), 1) for code in codes)
    loss_a = (0.5 * torch.cat(a, 1).pow(2).sum(1)).mean() + -log_dets[0].mean()
    masks = [(factor == i)[:, None].to(block) for i, block in enumerate(b)]
    shifted = [b_i - mask * RHO * a_i for a_i, b_i, mask in zip(a, b, masks, strict=True)]
    squares = [0.5 * own.pow(2).sum(1) for own in shifted]
    parts = [(own / (1.0 - mask[:, 0] * RHO**2)).mean() for own, mask in zip(squares, masks, strict=True)]
    loss_b = sum(parts[1:], parts[0]) + -log_dets[1].mean()
    loss = loss_a + loss_b
    return loss, {"loss": loss, "loss_a": loss_a, "loss_b": loss_b}


class Published:
    """One training update at a time."""

    def __init__(self, n_dims: int, hidden: int, depth: int, n_blocks: int) -> None:
        self.network = as_published(n_dims, hidden, depth, n_blocks)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-4, betas=(0.5, 0.9))
        self.log: dict[str, float] = {}

    def differentiate(self, a: Tensor, b: Tensor, factor: Tensor, dims: Sequence[int]) -> None:
        """Fill the gradients with those of the loss of pairs a, b, (n, N), that share a block each."""
        z_a, log_det_a = self.network(a)
        z_b, log_det_b = self.network(b)
        loss, parts = factor_loss((z_a, z_b), (log_det_a, log_det_b), factor, dims)
        self.log = {name: value.item() for name, value in parts.items()}
        self.optimizer.zero_grad()
        loss.backward()

    def update(self, a: Tensor, b: Tensor, factor: Tensor, dims: Sequence[int]) -> None:
        """One update."""
        self.differentiate(a, b, factor, dims)
        self.optimizer.step()
