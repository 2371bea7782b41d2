"""Links inside a batch: rows that happen to agree in a concept are paired up, whatever drew them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from iin_core.concept_pairs import graded, score_correlation
from iin_core.concept_values import class_index, normal_scores

_TWO_TO_62 = 2.0**62
_MIX = (-49064778989728563, -4265267296055464877)
"""Odd multipliers of a 64-bit mixing step (MurmurHash3's finaliser), as signed numbers."""


class Links(Protocol):
    """What links the rows of a batch in one block."""

    @property
    def block(self) -> int:
        """Which."""
        ...

    def numbers(self, n: int) -> int:
        """How many numbers in [0, 1) an update of n rows takes."""
        ...

    def agree(self, a: Tensor, b: Tensor) -> Tensor:
        """The correlation of rows a and b, (...), that were drawn for another concept; 0 for none."""
        ...

    def link(self, rows: Tensor, free: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """Pair up free rows that agree.

        Args:
            rows: (U, n), the batch.
            free: (U, n), which of its rows are not linked in this block yet.
            u: (U, numbers).

        Returns:
            For each position the position that it is linked to, its own where there is none, and the
            correlation of the link, 0 where there is none: (U, n) each.
        """
        ...


@dataclass(frozen=True)
class LabelLinks:
    """Rows of one class and of different sources. Built by `label_links`."""

    block: int
    code: Tensor
    source: Tensor
    rho: float

    def numbers(self, n: int) -> int:
        """One: it shuffles the sources."""
        return 1

    def agree(self, a: Tensor, b: Tensor) -> Tensor:
        """ρ where two rows of different sources have one label, else 0."""
        same = (self.code[a] == self.code[b]) & (self.code[a] >= 0) & (self.source[a] != self.source[b])
        return same * self.rho

    def link(self, rows: Tensor, free: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """Pair up free rows of one class, see `Links`.

        The rows of a class lie source by source, the sources in a random order; each row of the first
        half is paired with the one half a class further. Two rows of a source meet only where it owns
        more than half of the class.
        """
        code, source = torch.where(free, self.code[rows], -1), self.source[rows]
        by_source = _mixed(source, (u[:, :1] * _TWO_TO_62).long()).argsort(dim=-1, stable=True)
        order = by_source.gather(-1, code.gather(-1, by_source).argsort(dim=-1, stable=True))
        run = code.gather(-1, order)
        place = torch.arange(rows.shape[-1]).expand_as(rows)
        begins = torch.ones_like(free)
        begins[:, 1:] = run[:, 1:] != run[:, :-1]
        start = torch.where(begins, place, 0).cummax(-1).values
        ends = torch.where(begins, place, rows.shape[-1]).roll(-1, -1)
        ends[:, -1] = rows.shape[-1]
        half = (ends.flip(-1).cummin(-1).values.flip(-1) - start) // 2
        second = (run >= 0) & (place - start >= half) & (place - start < 2 * half)
        partner = _partners(order, (place - half).clamp_min(0), second, source)
        return partner, (partner != place) * self.rho


@dataclass(frozen=True)
class NumericLinks:
    """Rows of different sources that are close in a numeric concept. Built by `numeric_links`."""

    block: int
    score: Tensor
    source: Tensor
    rho: float

    def numbers(self, n: int) -> int:
        """One a row: the noise on its score."""
        return n

    def agree(self, a: Tensor, b: Tensor) -> Tensor:
        """0: neighbours in the batch are closer than rows that were drawn for another concept."""
        return torch.zeros(a.shape)

    def link(self, rows: Tensor, free: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """Pair up neighbours, see `Links`.

        Neighbours in u + τ·ε with τ² = (1 − r) / r have scores of correlation r, as `NumericPairs` have.
        """
        score, source = torch.where(free, self.score[rows], torch.nan), self.source[rows]
        r = score_correlation(self.rho)
        noisy = score + ((1 - r) / r) ** 0.5 * torch.special.ndtri(u.clamp_min(torch.finfo(u.dtype).tiny))
        order = noisy.nan_to_num(torch.inf).argsort(dim=-1, stable=True)
        place = torch.arange(rows.shape[-1]).expand_as(rows)
        second = (place % 2 == 1) & score.gather(-1, order).isfinite()
        partner = _partners(order, (place - 1).clamp_min(0), second, source)
        rho = graded(self.rho, score - score.gather(-1, partner))
        return partner, torch.where(partner != place, rho, 0.0)


def label_links(labels: ArrayLike, source: ArrayLike, rho: float, block: int) -> LabelLinks:
    """Prepare the links of a label concept, given for every row, (n,), in one block."""
    return LabelLinks(block, torch.from_numpy(class_index(labels)[1]), _source_index(source), rho)


def numeric_links(
    values: ArrayLike, source: ArrayLike, rho: float, block: int, weights: ArrayLike | None = None
) -> NumericLinks:
    """Prepare the links of a numeric concept, given for every row, (n,), in one block."""
    scores = torch.from_numpy(normal_scores(values, weights))
    return NumericLinks(block, scores, _source_index(source), rho)


def _source_index(source: ArrayLike) -> Tensor:
    return torch.from_numpy(np.unique(np.asarray(source), return_inverse=True)[1].astype(np.int64))


def _partners(order: Tensor, mate: Tensor, second: Tensor, source: Tensor) -> Tensor:
    """Link the position at each place that is `second` to the one at its mate's place, sources differing."""
    first = order.gather(-1, mate)
    apart = source.gather(-1, order) != source.gather(-1, first)
    return torch.empty_like(order).scatter_(-1, order, torch.where(second & apart, first, order))


def _mixed(index: Tensor, salt: Tensor) -> Tensor:
    """Another random order of the indices for each salt: a bijection of 64-bit numbers."""
    x = index + salt
    for factor in _MIX:
        x = (x ^ (x >> 33)) * factor
    return x ^ (x >> 33)
