"""A small network that says of activations what their concepts are, for methods that need one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional

from iin_core.errors import InputError
from iin_core.metrics.labels import MISSING, class_indices

Readout = Callable[[Tensor], Mapping[str, Tensor]]
"""Activations (n, N) → concept → logits (n, C) in the order of the sorted labels; differentiable."""

EPOCHS, BATCH, HIDDEN = 10, 128, 128
MAX_ROWS = 20_000
"""More rows than this are thinned out, which bounds the cost to about two seconds of one core."""


class _Readout(nn.Module):
    """One hidden layer of 128 ReLU on standardised activations, shared by all concepts."""

    def __init__(self, z: Tensor, n_classes: Mapping[str, int]) -> None:
        super().__init__()
        self.mean = nn.Buffer(z.mean(0))
        self.scale = nn.Buffer(z.std(0).clamp_min(1e-3 * z.std()))
        self.n_classes = dict(n_classes)
        self.net = nn.Sequential(
            nn.Linear(z.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, sum(n_classes.values()))
        )

    def forward(self, z: Tensor) -> dict[str, Tensor]:
        """z (n, N) → concept → logits (n, C)."""
        logits = self.net((z - self.mean) / self.scale)
        return dict(zip(self.n_classes, logits.split(list(self.n_classes.values()), 1), strict=True))


def fit_readout(z: ArrayLike | Tensor, concepts: Mapping[str, ArrayLike], *, seed: int = 0) -> Readout:
    """A reader of activations, fitted on them: AdamW 1e-3, weight decay 0.01, 10 epochs of batches of 128.

    Args:
        z: (n, N) *training* rows; of more than 20,000 a random part is used.
        concepts: name → (n,) labels; None, NaN and NA are left out.
        seed: of weights and order.

    Raises:
        InputError: no concepts.
    """
    rows = torch.as_tensor(z, dtype=torch.float32)
    classes = {name: class_indices(values) for name, values in concepts.items()}
    if not classes:
        raise InputError("A readout needs a concept to read.", where="concepts", fix="give label concepts")
    targets = torch.from_numpy(np.stack([codes for codes, _ in classes.values()], 1))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        chosen = torch.randperm(len(rows))[:MAX_ROWS]
        readout = _Readout(rows[chosen], {name: max(1, len(labels)) for name, (_, labels) in classes.items()})
        optimizer = torch.optim.AdamW(readout.parameters(), lr=1e-3, weight_decay=0.01, fused=True)
        for _ in range(EPOCHS):
            for part in chosen[torch.randperm(len(chosen))].split(BATCH):
                optimizer.zero_grad()
                labelled_cross_entropy(readout(rows[part]), targets[part]).backward()
                optimizer.step()
    return readout.eval().requires_grad_(False)


def labelled_cross_entropy(logits: Mapping[str, Tensor], targets: Tensor) -> Tensor:
    """Sum over concepts of the mean CE over rows that have a label, nats.

    Args:
        logits: concept → (n, C).
        targets: (n, concepts) class indices, −1 where there is none.
    """
    total = torch.zeros(())
    for scores, target in zip(logits.values(), targets.unbind(1), strict=True):
        n_known = (target != MISSING).sum().clamp_min(1)
        total = (
            total + functional.cross_entropy(scores, target, ignore_index=MISSING, reduction="sum") / n_known
        )
    return total
