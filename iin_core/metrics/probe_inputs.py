"""What all probes of a stack share: codes, labels and folds, padded to one shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from iin_core.metrics.folds import Fold

_IMPOSSIBLE = -1e9
_WIDTH = 32
"""Inputs are padded to a multiple of it: a width that no neighbour changes, nor hence a bit of the result."""
_MAX_STACKED = 32
"""More probes than this are trained in several programs: they are no faster, and take more memory."""


@dataclass(frozen=True)
class ProbeInputs:
    """Every input × every fold × every target is one probe; all of them are trained together.

    Args:
        codes: (inputs, n, width), zero beyond an input's own width.
        widths: own width of each input.
        targets: (targets, n) class indices, −1 where a row has no label.
        n_classes: classes of each target.
        folds: the directions of cross-fitting.
    """

    codes: Tensor
    widths: tuple[int, ...]
    targets: Tensor
    n_classes: tuple[int, ...]
    folds: tuple[Fold, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(inputs, folds, targets): the leading axes of a stack of probes."""
        return len(self.codes), len(self.folds), len(self.targets)

    @property
    def known(self) -> Tensor:
        """(targets, n) float32: 1 where a row has a label, else 0."""
        return (self.targets >= 0).float()

    @property
    def class_mask(self) -> Tensor:
        """(targets, classes), added to logits: 0 for classes that exist, else −10⁹."""
        classes = torch.arange(max(self.n_classes))
        exists = classes < torch.tensor(self.n_classes)[:, None]
        return torch.where(exists, 0.0, _IMPOSSIBLE)


def stacks(
    inputs: Sequence[Tensor], targets: Sequence[tuple[Tensor, int]], folds: tuple[Fold, ...]
) -> Iterator[tuple[list[int], ProbeInputs]]:
    """Inputs of similar width together, so that padding costs little.

    Args:
        inputs: codes (n, width) of each input.
        targets: (class indices (n,), number of classes) of each target.
        folds: the directions of cross-fitting.

    Yields:
        positions in `inputs`, and those inputs as one stack.
    """
    buckets: dict[int, list[int]] = {}
    for i, block in enumerate(inputs):
        width = -(-block.shape[1] // _WIDTH) * _WIDTH
        buckets.setdefault(width, []).append(i)
    labels = torch.stack([target for target, _ in targets])
    n_classes = tuple(count for _, count in targets)
    at_once = max(1, _MAX_STACKED // max(1, len(targets) * len(folds)))
    parts = [(w, m[i : i + at_once]) for w, m in buckets.items() for i in range(0, len(m), at_once)]
    for width, members in parts:
        widths = tuple(inputs[i].shape[1] for i in members)
        codes = torch.zeros(len(members), labels.shape[1], width)
        for row, i in zip(codes, members, strict=True):
            row[:, : inputs[i].shape[1]] = inputs[i]
        yield members, ProbeInputs(codes, widths, labels, n_classes, folds)
