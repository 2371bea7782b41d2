"""Pairs made from the values of a concept: one label, or numbers that are close.

A row that cannot be paired, for it has no value or no partner, is drawn as often as its share of the
rows, beside another such row and linked to nothing: it still trains the residual and the likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from iin_core.concept_values import as_numbers, class_index, normal_scores
from iin_core.errors import InputError


class PairSource(Protocol):
    """Whatever draws pairs that share one thing, from uniform random numbers."""

    numbers: ClassVar[int]
    """How many numbers in [0, 1) each pair takes."""

    def pairs(self, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rows a and b, (...), and the correlation of each block, (..., K + 1), of u, (..., numbers)."""
        ...

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Rows a and b, (n,), and the correlation of each block over each pair, (n, K + 1)."""
        return self.pairs(torch.rand(n, self.numbers, generator=generator, dtype=torch.float64))


@dataclass(frozen=True)
class LabelPairs(PairSource):
    """Two rows of one class and of different sources, each drawn by its weight.

    Built by `label_pairs`. The rows lie in the order of (class, source), so that the rows of a's
    class from another source are a's class with one gap in it; behind them lie the rows that cannot
    be paired, as a class of their own without gaps.

    Attributes:
        order: (n,), rows by place.
        mass: (n + 1,), the weight in front of each place, and the whole.
        in_class, in_source: (2, n), for each place where its class, and its source in that class,
            begins and ends.
        n_paired: places below this one have partners.
        rho: (K + 1,).
    """

    numbers: ClassVar[int] = 2
    order: Tensor
    mass: Tensor
    in_class: Tensor
    in_source: Tensor
    n_paired: int
    rho: Tensor

    def pairs(self, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rows a and b, (...), and the correlation of each block, (..., K + 1), of u, (..., 2)."""
        place_a = self._place(u[..., 0] * self.mass[-1])
        class_from, class_to = self.in_class[:, place_a]
        source_from, source_to = self.in_source[:, place_a]
        gap = self.mass[source_to] - self.mass[source_from]
        target = self.mass[class_from] + u[..., 1] * (self.mass[class_to] - self.mass[class_from] - gap)
        target = target + gap * (target >= self.mass[source_from])
        place_b = self._place(target).clamp(class_from, class_to - 1)
        # Rounding may put the target a hair into the gap.
        beside = torch.where(source_to < class_to, source_to, source_from - 1)
        inside = (place_b >= source_from) & (place_b < source_to)
        place_b = torch.where(inside, beside, place_b)
        paired = (place_a < self.n_paired)[..., None]
        return self.order[place_a], self.order[place_b], paired * self.rho

    def _place(self, mass: Tensor) -> Tensor:
        return torch.searchsorted(self.mass, mass, right=True).sub(1).clamp(0, len(self.order) - 1)


def label_pairs(
    labels: ArrayLike, source: ArrayLike, rho: Tensor, weights: ArrayLike | None = None
) -> LabelPairs:
    """Prepare pairs that share a label.

    Args:
        labels, source: (n,); a missing label belongs to no pair.
        rho: the correlation of each block over such a pair, (K + 1,).
        weights: (n,), how often each row is drawn; alike when left out.

    Raises:
        InputError: no label belongs to two sources.
    """
    values, label_code = class_index(labels)
    _, source_code = np.unique(np.asarray(source), return_inverse=True)
    weight = np.ones(len(label_code)) if weights is None else np.asarray(weights, np.float64)
    alone = _alone(label_code, source_code)
    if alone.all():
        raise InputError(
            "No two sources have the same label, so there are no pairs.",
            where=f"{len(values)} labels over {source_code.max(initial=-1) + 1} sources",
            fix="use a coarser label, or make the concept numeric",
        )
    # What cannot be paired is a class behind all others, each row a source that leaves no gap.
    group = np.where(alone, len(values), label_code)
    order = np.lexsort((source_code, group))
    in_class = _runs(group[order])
    in_source = _runs(group[order] * (source_code.max() + 1) + source_code[order])
    n_paired = int((~alone).sum())
    in_source[:, n_paired:] = in_class[:1, n_paired:]
    mass = np.concatenate(([0.0], np.cumsum(weight[order])))
    return LabelPairs(
        torch.from_numpy(order),
        torch.from_numpy(mass),
        torch.from_numpy(in_class),
        torch.from_numpy(in_source),
        n_paired,
        rho,
    )


def _alone(label_code: NDArray[np.int64], source_code: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which rows have no row of their class in another source."""
    labelled = label_code >= 0
    n_sources = source_code.max(initial=0) + 1
    found = np.unique(label_code[labelled] * n_sources + source_code[labelled]) // n_sources
    sources_of_class = np.bincount(found, minlength=max(1, label_code.max() + 1))
    return ~labelled | (sources_of_class[label_code] < 2)


def _runs(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each entry of a sorted array where its run begins and ends, (2, n)."""
    _, start, inverse, size = np.unique(codes, return_index=True, return_inverse=True, return_counts=True)
    return np.stack((start[inverse], (start + size)[inverse]))


@dataclass(frozen=True)
class NumericPairs(PairSource):
    """Two rows of different sources whose normal scores correlate, each drawn by its weight.

    b is the row at the score r·u_a + √(1 − r²)·ε, and the link's correlation falls with the distance of
    the two scores, see `graded`.

    Built by `numeric_pairs`. The rows lie in the order of their values, behind them those without.

    Attributes:
        order, score: (n,), rows and normal scores by place.
        mass: (n + 1,), the weight in front of each place, and the whole.
        in_source: (2, n), where each place's run of rows of one source begins and ends.
        n_paired: places below this one have a value.
        correlation: the greatest of a link.
        block: (K + 1,), 1 for the concept's block.
    """

    numbers: ClassVar[int] = 2
    order: Tensor
    score: Tensor
    mass: Tensor
    source: Tensor
    in_source: Tensor
    n_paired: int
    correlation: float
    block: Tensor

    def pairs(self, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rows a and b, (...), and the correlation of each block, (..., K + 1), of u, (..., 2)."""
        place_a = self._place(u[..., 0] * self.mass[-1], len(self.order))
        paired = place_a < self.n_paired
        r = score_correlation(self.correlation)
        target = r * self.score[place_a] + (1 - r**2) ** 0.5 * torch.special.ndtri(u[..., 1])
        valued = self.mass[self.n_paired]
        place_b = self._place(torch.special.ndtr(target) * valued, self.n_paired)
        run_from, run_to = self.in_source[:, place_b]
        beside = torch.where(run_to < self.n_paired, run_to, run_from - 1)
        place_b = torch.where(self.source[place_b] == self.source[place_a], beside, place_b)
        free = self._place(valued + u[..., 1] * (self.mass[-1] - valued), len(self.order))
        rho = graded(self.correlation, self.score[place_a] - self.score[place_b])
        rho = torch.where(paired, rho, 0.0).to(self.block.dtype)
        place_b = torch.where(paired, place_b, free)
        return self.order[place_a], self.order[place_b], rho[..., None] * self.block

    def _place(self, mass: Tensor, n: int) -> Tensor:
        return torch.searchsorted(self.mass, mass, right=True).sub(1).clamp(0, n - 1)


def numeric_pairs(
    values: ArrayLike,
    source: ArrayLike,
    correlation: float,
    block: Tensor,
    weights: ArrayLike | None = None,
) -> NumericPairs:
    """Prepare pairs that are close in a numeric concept.

    Args:
        values, source: (n,); a row without a value belongs to no pair.
        correlation: the greatest of a link, between two equal values.
        block: (K + 1,), 1 for the block that they share, 0 elsewhere.
        weights: (n,), how often each row is drawn; alike when left out.

    Raises:
        InputError: fewer than two sources with a value.
    """
    numbers = as_numbers(values)
    _, source_code = np.unique(np.asarray(source), return_inverse=True)
    weight = np.ones(len(numbers)) if weights is None else np.asarray(weights, np.float64)
    n_paired = int((~np.isnan(numbers)).sum())
    # Equal values lie in a random order, lest neighbours there be rows of one source.
    order = np.lexsort((np.random.default_rng(0).permutation(len(numbers)), numbers))
    valued = source_code[order][:n_paired]
    if n_paired == 0 or (valued == valued[0]).all():
        raise InputError(
            "All rows with a value come from one source, so there are no pairs.",
            fix="give rows of several sources",
        )
    changes = np.cumsum(np.concatenate(([0], np.diff(valued) != 0)))
    in_source = np.zeros((2, len(numbers)), np.int64)
    in_source[:, :n_paired] = _runs(changes)
    return NumericPairs(
        torch.from_numpy(order),
        torch.from_numpy(np.nan_to_num(normal_scores(numbers, weight)[order])),
        torch.from_numpy(np.concatenate(([0.0], np.cumsum(weight[order])))),
        torch.from_numpy(source_code[order]),
        torch.from_numpy(in_source),
        n_paired,
        correlation,
        block,
    )


def graded(correlation: float, distance: Tensor) -> Tensor:
    """The correlation of a block over a pair whose normal scores lie so far apart, (...).

    ρ·exp(−d²/2): that of a random smooth curve through the block along the concept, of which a
    straight one, z̃ = u, has 1 − d²/2 over small distances.
    """
    return correlation * torch.exp(-0.5 * distance.square())


def score_correlation(correlation: float) -> float:
    """The correlation r of the scores of numeric pairs: over them the mean of `graded` is r as well.

    With d² of mean 2·(1 − r) that mean is ρ / √(1 + 2·(1 − r)); r²·(3 − 2r) = ρ² solved for r.
    """
    return float(0.5 - np.sin(np.arcsin(1 - 2 * correlation**2) / 3))
