"""Pairs made from the values of a concept: one label, or numbers that are close."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from iin_core.errors import InputError


@dataclass(frozen=True)
class LabelPairs:
    """Two rows of one class and of different sources; a is uniform over the rows.

    Built by `label_pairs`. The rows lie in the order of (class, source), so that the rows of a's
    class from another source are a's class with one gap in it.
    """

    order: Tensor
    class_start: Tensor
    class_size: Tensor
    source_start: Tensor
    source_size: Tensor
    usable: Tensor
    rho: Tensor

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Draw n pairs."""
        a = self.usable[torch.randint(len(self.usable), (n,), generator=generator)]
        others = (self.class_size[a] - self.source_size[a]).float()
        step = (torch.rand(n, generator=generator) * others).long().clamp_max(others.long() - 1)
        behind_source = self.source_start[a] + self.source_size[a] - self.class_start[a]
        place = self.class_start[a] + (behind_source + step) % self.class_size[a]
        return a, self.order[place], self.rho.expand(n, -1)


def label_pairs(labels: ArrayLike, source: ArrayLike, rho: Tensor) -> LabelPairs:
    """Prepare pairs that share a label.

    Args:
        labels, source: (n,).
        rho: the correlation of each block over such a pair, (K + 1,).

    Raises:
        InputError: no label belongs to two sources.
    """
    _, label_code = np.unique(np.asarray(labels), return_inverse=True)
    _, source_code = np.unique(np.asarray(source), return_inverse=True)
    order = np.lexsort((source_code, label_code))
    class_start, class_size = _runs(label_code[order])
    group = label_code[order].astype(np.int64) * (source_code.max() + 1) + source_code[order]
    source_start, source_size = _runs(group)
    back = np.argsort(order)
    usable = np.flatnonzero((class_size > source_size)[back])
    if not len(usable):
        raise InputError(
            "No two sources have the same label, so there are no pairs.",
            where=f"{label_code.max() + 1} labels over {source_code.max() + 1} sources",
            fix="use a coarser label, or make the concept numeric",
        )
    return LabelPairs(
        order=torch.from_numpy(order),
        class_start=torch.from_numpy(class_start[back]),
        class_size=torch.from_numpy(class_size[back]),
        source_start=torch.from_numpy(source_start[back]),
        source_size=torch.from_numpy(source_size[back]),
        usable=torch.from_numpy(usable),
        rho=rho,
    )


def _runs(codes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each entry of a sorted array the start and the size of its run."""
    _, start, inverse, size = np.unique(codes, return_index=True, return_inverse=True, return_counts=True)
    return start[inverse], size[inverse]


@dataclass(frozen=True)
class NumericPairs:
    """Two rows of different sources whose values are correlated by rho on the normal scale.

    The values are turned into normal scores u; b is the row nearest to ρ·u_a + √(1 − ρ²)·ε, so that
    the concept itself has the correlation which the model gives its block. Built by `numeric_pairs`.
    """

    order: Tensor
    scores: Tensor
    source: Tensor
    correlation: float
    rho: Tensor

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Draw n pairs."""
        place_a = torch.randint(len(self.order), (n,), generator=generator)
        spread = (1 - self.correlation**2) ** 0.5
        target = self.correlation * self.scores[place_a] + spread * torch.randn(n, generator=generator)
        place_b = torch.searchsorted(self.scores, target).clamp_max(len(self.order) - 1)
        for _ in range(len(self.order)):
            same = self.source[place_b] == self.source[place_a]
            if not same.any():
                break
            place_b = torch.where(same, (place_b + 1) % len(self.order), place_b)
        return self.order[place_a], self.order[place_b], self.rho.expand(n, -1)


def numeric_pairs(values: ArrayLike, source: ArrayLike, correlation: float, rho: Tensor) -> NumericPairs:
    """Prepare pairs that are close in a numeric concept.

    Args:
        values, source: (n,).
        correlation: of the normal scores of the two values of a pair.
        rho: the correlation of each block over such a pair, (K + 1,).

    Raises:
        InputError: fewer than two sources.
    """
    _, source_code = np.unique(np.asarray(source), return_inverse=True)
    if source_code.max() == 0:
        raise InputError(
            "All rows come from one source, so there are no pairs.", fix="give rows of several sources"
        )
    order = np.argsort(np.asarray(values, np.float64), kind="stable")
    quantiles = (torch.arange(len(order), dtype=torch.float64) + 0.5) / len(order)
    scores = torch.special.ndtri(quantiles).float()
    return NumericPairs(
        torch.from_numpy(order), scores, torch.from_numpy(source_code[order]), correlation, rho
    )
