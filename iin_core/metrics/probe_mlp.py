"""MLP probes: two hidden layers of 128, all of a stack in one program."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from iin_core.metrics.folds import Fold
from iin_core.metrics.probe_inputs import ProbeInputs
from iin_core.metrics.probe_networks import ProbeNetworks, log_probabilities

EPOCHS = 20
BATCH = 128
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.01
_READ_AT_ONCE = 512


def mlp_probes(inputs: ProbeInputs, *, seed: int = 0) -> Tensor:
    """Log-probabilities of each row by the probe that did not see its source.

    Two hidden layers of 128 ReLU, AdamW 1e-3, weight decay 0.01, batches of 128, 20 epochs, the
    epoch with the least CE on the fold's validation sources (the last one where none of them has a
    label). The probes of a stack share nothing but the order of rows: each is what it would be
    alone, up to the rounding of sums of another length.

    Args:
        inputs: the stack.
        seed: of the weights at the start and of the order of rows.

    Returns:
        (inputs, targets, n, classes).
    """
    rows = _Rows(inputs)
    orders = _epochs(inputs.folds, seed)
    networks = _networks(inputs, min(BATCH, orders[0].shape[1]), seed)
    best = networks.flat.clone()
    kept, least = networks.views(best), torch.full((math.prod(inputs.shape),), math.inf)
    validated = rows.at(*_padded([fold.validation for fold in inputs.folds]))
    for order in orders:
        for x, truth, counted in rows.at(order).split(BATCH):
            networks.differentiate(x, truth, counted / counted.sum(2, keepdim=True).clamp_min(1))
            networks.step(LEARNING_RATE, WEIGHT_DECAY)
        now = validated.mean_losses(log_probabilities(networks.parameters, validated.codes))
        better = (now <= least)[:, None, None]
        least = torch.minimum(now, least)
        for old, new in zip(kept, networks.parameters, strict=True):
            old.copy_(torch.where(better, new, old))
    return _read(inputs, rows, kept)


class _Chosen(NamedTuple):
    """Some rows of every fold: codes (P, n, width), truths (P, classes, n), counted (P, 1, n)."""

    codes: Tensor
    truth: Tensor
    counted: Tensor

    def split(self, n: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """The same, n rows at once."""
        parts = (self.codes.split(n, 1), self.truth.split(n, 2), self.counted.split(n, 2))
        return zip(*parts, strict=True)

    def mean_losses(self, log_probs: Tensor) -> Tensor:
        """(P,): mean CE, nats, over the rows that count."""
        n = self.counted.sum(2).clamp_min(1).flatten()
        return -(log_probs * self.truth * self.counted).sum((1, 2)) / n


class _Rows:
    """Rows of every fold as the stacked networks take them.

    Args:
        inputs: the stack.
    """

    def __init__(self, inputs: ProbeInputs) -> None:
        self._codes, self._known, self._shape = inputs.codes, inputs.known, inputs.shape
        truth = functional.one_hot(inputs.targets.clamp_min(0), max(inputs.n_classes)).float()
        self._truth = (truth * inputs.known[..., None]).mT.contiguous()

    def at(self, rows: Tensor, own: Tensor | None = None) -> _Chosen:
        """Rows (folds, n); where `own` (folds, n) is 0 one only fills up the shorter fold."""
        counted = self._known[:, rows].transpose(0, 1)
        if own is not None:
            counted = counted * own[:, None]
        truth = self._truth[:, :, rows].permute(2, 0, 1, 3)
        return _Chosen(
            self.codes(rows), self._for_each_input(truth), self._for_each_input(counted[:, :, None])
        )

    def codes(self, rows: Tensor) -> Tensor:
        """(P, n, width) of rows (folds, n)."""
        every = self._codes[:, rows][:, :, None].expand(-1, -1, self._shape[2], -1, -1)
        return every.flatten(0, 2)

    def _for_each_input(self, values: Tensor) -> Tensor:
        return values.expand(self._shape[0], *values.shape).flatten(0, 2)


def _networks(inputs: ProbeInputs, batch: int, seed: int) -> ProbeNetworks:
    n_inputs, n_folds, n_targets = inputs.shape
    own = [width for width in inputs.widths for _ in range(n_folds * n_targets)]
    mask = inputs.class_mask.repeat(n_inputs * n_folds, 1)
    return ProbeNetworks(inputs.codes.shape[2], own, mask, batch, seed)


def _epochs(folds: tuple[Fold, ...], seed: int) -> list[Tensor]:
    """For each epoch (folds, steps × batch) row indices; the shorter fold repeats a few rows."""
    rng = np.random.default_rng(seed)
    longest = max(len(fold.train) for fold in folds)
    length = math.ceil(longest / BATCH) * BATCH if longest > BATCH else longest
    orders = [
        np.stack([np.resize(rng.permutation(fold.train), length) for fold in folds]) for _ in range(EPOCHS)
    ]
    return [torch.from_numpy(order) for order in orders]


def _padded(rows: Sequence[NDArray[np.int64]]) -> tuple[Tensor, Tensor]:
    """(folds, longest) row indices of each fold, and 1 where they are its own, else 0."""
    longest = max(map(len, rows))
    padded = [np.pad(index, (0, longest - len(index))) for index in rows]
    own = torch.arange(longest) < torch.tensor([len(index) for index in rows])[:, None]
    return torch.from_numpy(np.stack(padded)), own.float()


def _read(inputs: ProbeInputs, rows: _Rows, parameters: list[Tensor]) -> Tensor:
    n_rows, n_classes = inputs.codes.shape[1], max(inputs.n_classes)
    result = torch.empty(inputs.shape[0], inputs.shape[2], n_rows, n_classes)
    index, own = _padded([fold.read for fold in inputs.folds])
    for part, mine in zip(index.split(_READ_AT_ONCE, 1), own.bool().split(_READ_AT_ONCE, 1), strict=True):
        said = log_probabilities(parameters, rows.codes(part)).unflatten(0, inputs.shape).mT
        for f in range(len(index)):
            result[:, :, part[f, mine[f]]] = said[:, f, :, mine[f]]
    return result
