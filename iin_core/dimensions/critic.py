"""A critic for each of several nested subspaces at once: which of many rows is a row's partner?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

_HIDDEN, _OUT = 64, 24
_UPDATES, _BATCH, _RATE, _DECAY = 300, 256, 1e-2, 1e-2
_STREAM = 0xC417


def held_out_nats(
    fitted_on: tuple[Tensor, Tensor], judged_by: tuple[Tensor, Tensor], sizes: Sequence[int], seed: int
) -> Tensor:
    """How many nats a critic has of each held-out pair, (S, P), one critic for each size of subspace.

    The score of two rows is h(a) · h(b), h a network of one hidden layer. The critic is fitted, and
    judged, by choosing the partner among 256 rows; log 256 plus the mean log-probability is a lower
    bound of the mutual information of a and b, in nats, at most log 256.

    Args:
        fitted_on: whitened rows a and b, (P', d) each, their directions by falling importance.
        judged_by: rows of other sources, (P, d) each.
        sizes: critic s sees the first sizes[s] directions.
        seed: of the networks' start and the batches.

    Source: van den Oord, Li, Vinyals, Representation learning with contrastive predictive coding, 2018.
    """
    generator = torch.Generator().manual_seed(_STREAM + seed)
    d = fitted_on[0].shape[1]
    seen = (torch.arange(d) < torch.tensor(sizes)[:, None]).float()
    network = _network(len(sizes), d, seen, generator)
    optimizer = torch.optim.AdamW(network, lr=_RATE, weight_decay=_DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _UPDATES)
    a, b = fitted_on
    for _ in range(_UPDATES):
        batch = torch.randint(len(a), (min(_BATCH, len(a)),), generator=generator)
        optimizer.zero_grad()
        _nats(network, seen, a[batch], b[batch]).mean(1).sum().neg().backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        order = torch.randperm(len(judged_by[0]), generator=generator)
        parts = order.tensor_split(max(1, len(order) // _BATCH))
        nats = torch.cat([_nats(network, seen, judged_by[0][p], judged_by[1][p]) for p in parts], 1)
    return nats[:, order.argsort()]


def _network(n: int, d: int, seen: Tensor, generator: torch.Generator) -> list[Tensor]:
    first = torch.randn(n, d, _HIDDEN, generator=generator) / seen.sum(1).sqrt()[:, None, None]
    last = torch.randn(n, _HIDDEN, _OUT, generator=generator) / math.sqrt(_HIDDEN)
    parts = [first, torch.zeros(n, 1, _HIDDEN), last, torch.zeros(n, 1, _OUT)]
    return [part.requires_grad_() for part in parts]


def _nats(network: Sequence[Tensor], seen: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Log-probability of each pair's own partner among the batch, plus the logarithm of its size, (S, n)."""
    first, bias, last, last_bias = network
    hidden = torch.nn.functional.silu(torch.cat((a, b)) @ (first * seen[..., None]) + bias)
    code_a, code_b = (hidden @ last + last_bias).chunk(2, 1)
    scores = code_a @ code_b.transpose(1, 2) / math.sqrt(_OUT)
    return scores.log_softmax(-1).diagonal(dim1=1, dim2=2) + math.log(len(a))
