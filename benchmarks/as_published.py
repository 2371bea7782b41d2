"""The published network and loss, written the way that they were published: the baseline of `train`.

Separate passes for both rows of a pair, separate networks for scale and translation, default Adam.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


class Perceptron(nn.Sequential):
    """Linear layers with LeakyReLU between them."""

    def __init__(self, widths: list[int], *, tanh: bool) -> None:
        layers: list[nn.Module] = []
        for i, (n_in, n_out) in enumerate(pairwise(widths)):
            layers += (
                [nn.Linear(n_in, n_out), nn.LeakyReLU()] if i < len(widths) - 2 else [nn.Linear(n_in, n_out)]
            )
        super().__init__(*layers, *([nn.Tanh()] if tanh else []))


class Block(nn.Module):
    """Activation normalisation, a coupling of both halves in turn, a permutation."""

    def __init__(self, n_dims: int, hidden: int, depth: int) -> None:
        super().__init__()
        widths = [n_dims // 2, *[hidden] * (depth + 1), n_dims // 2]
        self.loc, self.scale = nn.Parameter(torch.zeros(1, n_dims)), nn.Parameter(torch.ones(1, n_dims))
        self.s = nn.ModuleList(Perceptron(widths, tanh=True) for _ in range(2))
        self.t = nn.ModuleList(Perceptron(widths, tanh=False) for _ in range(2))
        self.register_buffer("order", torch.randperm(n_dims))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map rows, (n, N), to rows and log-determinants, (n,)."""
        log_det = self.scale.abs().log().sum() * torch.ones(len(x))
        x = self.scale * (x + self.loc)
        for j in range(2):
            if j:
                x = torch.cat(torch.chunk(x, 2, 1)[::-1], 1)
            u, v = torch.chunk(x, 2, 1)
            log_scale = self.s[j](u)
            x = torch.cat((u, v * log_scale.exp() + self.t[j](u)), 1)
            log_det = log_det + log_scale.sum(1)
        return x[:, self.order], log_det


class Network(nn.Module):
    """A chain of blocks."""

    def __init__(self, n_dims: int, hidden: int, depth: int, n_blocks: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(n_dims, hidden, depth) for _ in range(n_blocks))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map rows, (n, N), to codes and log-determinants, (n,)."""
        log_det = torch.zeros(len(x))
        for block in self.blocks:
            x, own = block(x)
            log_det = log_det + own
        return x, log_det


class Published:
    """One training update at a time."""

    def __init__(self, n_dims: int, hidden: int, depth: int, n_blocks: int) -> None:
        self.network = Network(n_dims, hidden, depth, n_blocks)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-4, betas=(0.5, 0.9))

    def update(self, a: Tensor, b: Tensor, shared: Tensor) -> None:
        """One update on pairs a, b, (n, N), whose dimensions `shared`, (n, N), correlate."""
        z_a, log_det_a = self.network(a)
        z_b, log_det_b = self.network(b)
        loss_a = (0.5 * z_a.pow(2).sum(1)).mean() - log_det_a.mean()
        squares = (z_b - 0.975 * shared * z_a).pow(2) / (1 - shared * 0.975**2)
        loss = loss_a + (0.5 * squares.sum(1)).mean() - log_det_b.mean()
        self.log = {"loss": loss.item(), "loss_a": loss_a.item()}
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
