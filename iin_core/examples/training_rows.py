"""The training rows of a study as tensors: images, class indices, rows of the same source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from iin_core.errors import InputError


class Images(Protocol):
    """Data whose batches are images."""

    def batch(self, indices: np.ndarray) -> Any:
        """The images (n, 3, height, width) of these rows."""
        ...


@dataclass(frozen=True)
class TrainingRows:
    """The rows of the split `train`.

    Args:
        images: (n, 3, height, width).
        classes: concept → (n,) class indices, in the order of the sorted labels.
        source: (n,) source of each row, counted from 0 without gaps.
    """

    images: Tensor
    classes: dict[str, Tensor]
    source: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, size: int) -> Iterator[Tensor]:
        """Row numbers (size,), each row once before any comes again, without end."""
        size = min(size, len(self))
        while True:
            for rows in torch.randperm(len(self)).split(size):
                if len(rows) == size:
                    yield rows

    def paired_batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Row numbers (size,) and (size,) of the same sources, two different rows where there are two."""
        by_source = torch.argsort(self.source, stable=True)
        counts = torch.bincount(self.source)
        starts = counts.cumsum(0) - counts
        size = min(size, len(counts))
        while True:
            for sources in torch.randperm(len(counts)).split(size):
                if len(sources) < size:
                    continue
                count = counts[sources]
                first = (torch.rand(size) * count).long()
                step = 1 + (torch.rand(size) * (count - 1)).long()
                second = (first + step) % count
                yield by_source[starts[sources] + first], by_source[starts[sources] + second]


def training_rows(data: Images, rows: pd.DataFrame, n_classes: dict[str, int]) -> TrainingRows:
    """Read the rows of the split `train`.

    Args:
        data: the examples, row i of `rows` being example i.
        rows: with columns `source`, `split` and each concept's.
        n_classes: concept → how many classes the network tells apart.

    Raises:
        InputError: a column is missing, a concept has another number of labels, the examples are
            not images, or no row is for training.
    """
    missing = sorted({"source", "split", *n_classes} - set(rows.columns))
    if missing:
        raise InputError(
            f"The rows have no column {', '.join(missing)}.",
            where=f"columns {', '.join(map(str, rows.columns))}",
            fix="fit this network on data that has them, such as coloured_digits",
        )
    train = np.flatnonzero(rows["split"].to_numpy() == "train")
    if not len(train):
        raise InputError(
            "No row is for training.", where="column split", fix="give some sources the split train"
        )
    images = data.batch(train)
    if not isinstance(images, Tensor) or images.ndim != 4:
        raise InputError(
            "The examples are not images (n, 3, height, width).",
            where=f"data of type {type(data).__name__}",
            fix="fit this network on data that gives one tensor of images",
        )
    classes = {name: _classes(rows[name], n)[train] for name, n in n_classes.items()}
    _, source = np.unique(rows["source"].to_numpy()[train], return_inverse=True)
    return TrainingRows(images, classes, torch.from_numpy(source))


def _classes(column: pd.Series, n_classes: int) -> Tensor:
    labels, classes = np.unique(column.to_numpy(), return_inverse=True)
    if len(labels) != n_classes:
        raise InputError(
            f"Column {column.name!r} has {len(labels)} labels, the network tells {n_classes} apart.",
            where=f"labels {', '.join(map(str, labels[:12]))}",
            fix="make the network for as many classes as there are labels",
        )
    return torch.from_numpy(classes)
