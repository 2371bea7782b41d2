"""MLP probes: two hidden layers of 128, all of a stack in one program."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from iin_core.metrics.folds import Fold
from iin_core.metrics.labels import MISSING
from iin_core.metrics.probe_inputs import ProbeInputs

HIDDEN = 128
EPOCHS = 20
BATCH = 128
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.01


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
    weights = _start(inputs, seed)
    best = [weight.detach().clone() for weight in weights]
    least = torch.full(inputs.shape, math.inf)
    optimizer = torch.optim.AdamW(weights, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
    validation = [torch.from_numpy(fold.validation) for fold in inputs.folds]
    for rows in _epochs(inputs.folds, seed):
        for batch in rows.split(BATCH, dim=1):
            loss = _mean_losses(inputs, weights, list(batch)).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            now = _mean_losses(inputs, weights, validation)
            better = (now <= least).flatten()[:, None, None]
            least = torch.minimum(now, least)
            best = [torch.where(better, new, old) for new, old in zip(weights, best, strict=True)]
    return _read(inputs, best)


def _start(inputs: ProbeInputs, seed: int) -> list[Tensor]:
    """PyTorch's own start of linear layers, drawn from `seed` at an input's own width."""
    n_inputs, n_folds, n_targets = inputs.shape
    sizes = [(inputs.codes.shape[2], HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, max(inputs.n_classes))]
    layers = [torch.zeros(n_inputs, n_folds, n_targets, rows + 1, columns) for rows, columns in sizes]
    for i, width in enumerate(inputs.widths):
        generator = torch.Generator().manual_seed(seed)
        for layer, fan_in in zip(layers, (width, HIDDEN, HIDDEN), strict=True):
            draw = torch.rand(layer.shape[-1], fan_in + 1, generator=generator)
            scaled = (2 * draw.T - 1) / math.sqrt(fan_in)
            layer[i, ..., :fan_in, :] = scaled[:-1]
            layer[i, ..., -1, :] = scaled[-1]
    parts = [part for layer in layers for part in layer.flatten(0, 2).split([layer.shape[3] - 1, 1], 1)]
    return [part.clone().requires_grad_() for part in parts]


def _epochs(folds: tuple[Fold, ...], seed: int) -> list[Tensor]:
    """For each epoch (folds, steps × batch) row indices; the shorter fold repeats a few rows."""
    rng = np.random.default_rng(seed)
    longest = max(len(fold.train) for fold in folds)
    length = math.ceil(longest / BATCH) * BATCH if longest > BATCH else longest
    orders = [
        np.stack([np.resize(rng.permutation(fold.train), length) for fold in folds]) for _ in range(EPOCHS)
    ]
    return [torch.from_numpy(order) for order in orders]


def _logits(inputs: ProbeInputs, weights: list[Tensor], rows: list[Tensor]) -> Tensor:
    """(inputs, folds, targets, rows, classes); `rows` holds the same number for each fold."""
    w_1, b_1, w_2, b_2, w_3, b_3 = weights
    shape = inputs.shape
    codes = torch.stack([inputs.codes[:, index] for index in rows], 1)
    x = codes[:, :, None].expand(-1, -1, shape[2], -1, -1).flatten(0, 2)
    hidden = torch.baddbmm(b_1, x, w_1).relu_()
    hidden = torch.baddbmm(b_2, hidden, w_2).relu_()
    logits: Tensor = torch.baddbmm(b_3, hidden, w_3).unflatten(0, shape)
    return logits + inputs.class_mask[:, None]


def _mean_losses(inputs: ProbeInputs, weights: list[Tensor], rows: list[Tensor]) -> Tensor:
    """(inputs, folds, targets): mean CE of each probe, nats, over its own rows that have a label."""
    longest = max(map(len, rows))
    padded = [functional.pad(index, (0, longest - len(index))) for index in rows]
    logits = _logits(inputs, weights, padded)
    truth = torch.stack([inputs.targets[:, index] for index in padded])
    for f, index in enumerate(rows):
        truth[f, :, len(index) :] = MISSING
    every = truth.expand(logits.shape[0], -1, -1, -1)
    losses = functional.cross_entropy(
        logits.flatten(0, 3), every.flatten(), reduction="none", ignore_index=MISSING
    )
    counts = (truth != MISSING).sum(2).clamp_min(1)
    return losses.view(every.shape).sum(3) / counts


def _read(inputs: ProbeInputs, weights: list[Tensor]) -> Tensor:
    n_rows, n_classes = inputs.codes.shape[1], max(inputs.n_classes)
    result = torch.empty(inputs.shape[0], inputs.shape[2], n_rows, n_classes)
    rows = [torch.from_numpy(fold.read) for fold in inputs.folds]
    longest = max(map(len, rows))
    padded = [functional.pad(index, (0, longest - len(index))) for index in rows]
    with torch.no_grad():
        for start in range(0, longest, BATCH):
            part = [index[start : start + BATCH] for index in padded]
            log_probs = _logits(inputs, weights, part).log_softmax(4)
            for f, index in enumerate(rows):
                mine = index[start : start + BATCH]
                result[:, :, mine] = log_probs[:, f, :, : len(mine)]
    return result
