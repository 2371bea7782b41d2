"""Pair critics: how many nats two vectors tell of each other, from true and exchanged pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

HIDDEN, WIDTH = 128, 64
UPDATES, BATCH = 400, 128
CHECK_EVERY = 40
SCALES = (0.1, 0.25, 0.5, 0.75, 1.0)
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 0.01
READ_AT_ONCE = 512
"""Pairs that are compared with each other when a critic is read: nothing above log of it is seen."""


@dataclass(frozen=True)
class PairRows:
    """Pairs of rows, with the source of either.

    Args:
        first: (n, d), second: (n, d).
        first_source: (n,), second_source: (n,) indices.
    """

    first: Tensor
    second: Tensor
    first_source: Tensor
    second_source: Tensor

    def __len__(self) -> int:
        return len(self.first)

    def at(self, rows: Tensor) -> PairRows:
        """Some of the pairs."""
        parts = (self.first, self.second, self.first_source, self.second_source)
        return PairRows(*(part[rows] for part in parts))

    def exchanged(self, rows: Tensor) -> PairRows:
        """The first of each pair with the second of another one."""
        return PairRows(self.first, self.second[rows], self.first_source, self.second_source[rows])


def fit_critics(pairs: Sequence[tuple[PairRows, PairRows]], *, seed: int) -> list[Tensor]:
    """Train one critic for each (pairs to fit on, pairs to choose the moment by), all in one program.

    A critic is f(a, b) = φ(a)·ψ(b) + h(b) with nets of two hidden layers of 128 whose last layer
    also sees a and b themselves (for Gaussians the best critic is bilinear); it learns to tell
    the second of a pair among those of the other pairs of the batch (InfoNCE, both ways): 400
    updates of 128 pairs, AdamW 1e-3, weight decay 0.01. The weights kept, and the scale of f, are
    those with the highest bound, less its standard error, on the pairs set aside; they start at
    f = 0, whose bound is 0 nats.

    Args:
        pairs: for each critic; the same width throughout.
        seed: of the start and of the batches.

    Returns:
        weights of the stack, (critics, …) each, as `critic_scores` takes them.

    Source: van den Oord et al., "Representation learning with contrastive predictive coding" (2018).
    """
    generator = torch.Generator().manual_seed(seed)
    weights = _start(len(pairs), pairs[0][0].first.shape[1], generator)
    best = [weight.detach().clone() for weight in weights]
    highest = torch.zeros(len(pairs))
    optimizer = torch.optim.AdamW(weights, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
    size = min(BATCH, *(len(fit) for fit, _ in pairs))
    for update in range(1, UPDATES + 1):
        batch = [fit.at(torch.randperm(len(fit), generator=generator)[:size]) for fit, _ in pairs]
        optimizer.zero_grad()
        (-nats(critic_scores(weights, batch)).mean(1).sum()).backward()
        optimizer.step()
        if update % CHECK_EVERY == 0:
            bound, scale = _bounds(weights, [chosen for _, chosen in pairs])
            better = (bound > highest)[:, None, None]
            highest = torch.maximum(bound, highest)
            now = [weight.detach() for weight in weights]
            now[-2:] = [weight * scale[:, None, None] for weight in now[-2:]]
            best = [torch.where(better, new, old) for new, old in zip(now, best, strict=True)]
    return best


def critic_scores(weights: list[Tensor], pairs: Sequence[PairRows]) -> Tensor:
    """f of every first with every second, (critics, n, n); −∞ for two rows of one source.

    Args:
        weights: of the stack.
        pairs: for each critic, of one length.
    """
    first = _tower(torch.stack([part.first for part in pairs]), weights[:6])
    second = _tower(torch.stack([part.second for part in pairs]), weights[6:])
    scores: Tensor = torch.bmm(first[..., :-1], second[..., :-1].mT) / WIDTH**0.5 + second[..., -1:].mT
    same = torch.stack([part.first_source[:, None] == part.second_source for part in pairs])
    true = torch.eye(scores.shape[1], dtype=torch.bool)
    return scores.masked_fill(same & ~true, -torch.inf)


def nats(scores: Tensor) -> Tensor:
    """The bound of each pair, (critics, n): log of its share among all, times how many they are.

    Args:
        scores: (critics, n, n), true pairs on the diagonal; mean of both ways.
    """
    true = scores.diagonal(dim1=1, dim2=2)
    counts = torch.isfinite(scores).double()
    forth = true - scores.logsumexp(2) + counts.sum(2).log()
    back = true - scores.logsumexp(1) + counts.sum(1).log()
    return ((forth + back) / 2).to(scores.dtype)


def _bounds(weights: list[Tensor], pairs: Sequence[PairRows]) -> tuple[Tensor, Tensor]:
    """The highest bound, less a standard error, over the scales of f, and that scale; both (critics,)."""
    bounds = []
    for scores in read_critics(weights, pairs):
        scaled = [[nats(scale * part[None])[0] for part in scores] for scale in SCALES]
        values = torch.stack([torch.cat(parts) for parts in scaled])
        bounds.append(values.mean(1) - values.std(1) / values.shape[1] ** 0.5)
    highest = torch.stack(bounds).max(1)
    return highest.values, torch.tensor(SCALES)[highest.indices]


def _tower(x: Tensor, weights: list[Tensor]) -> Tensor:
    w_1, b_1, w_2, b_2, w_3, b_3 = weights
    hidden = torch.baddbmm(b_1, x, w_1).relu()
    hidden = torch.baddbmm(b_2, hidden, w_2).relu()
    return torch.baddbmm(b_3, torch.cat([hidden, x], 2), w_3)


def _start(n_critics: int, width: int, generator: torch.Generator) -> list[Tensor]:
    """Both towers; the last layer of ψ and h starts at 0, so that f does."""
    weights: list[Tensor] = []
    for tower in range(2):
        sizes = [(width, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN + width, WIDTH + 1)]
        for layer, (fan_in, fan_out) in enumerate(sizes):
            draw = 2 * torch.rand(1, fan_in + 1, fan_out, generator=generator) - 1
            scaled = draw.expand(n_critics, -1, -1) / math.sqrt(fan_in)
            if tower == 1 and layer == 2:
                scaled = torch.zeros_like(scaled)
            weights += [scaled[:, :-1].clone().requires_grad_(), scaled[:, -1:].clone().requires_grad_()]
    return weights


def read_critics(weights: list[Tensor], pairs: Sequence[PairRows]) -> list[list[Tensor]]:
    """For each critic the scores (n, n) of its pairs, in parts of about 512.

    Args:
        weights: of the stack.
        pairs: for each critic, each of its own length.
    """
    found = []
    with torch.no_grad():
        for i, mine in enumerate(pairs):
            one = [weight[i : i + 1] for weight in weights]
            parts = torch.arange(len(mine)).chunk(max(1, round(len(mine) / READ_AT_ONCE)))
            found.append([critic_scores(one, [mine.at(rows)])[0] for rows in parts])
    return found
