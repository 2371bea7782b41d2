"""Pairs of rows that share concepts: the primitive from which every factor is learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from iin_core.blocks import Blocks
from iin_core.errors import InputError, nearest
from iin_core.spec import PairSpec


@dataclass(frozen=True)
class Pairs:
    """A table of pairs, given by hand.

    Args:
        a, b: row indices, (n,).
        shares: the concept, or concepts, that both rows of a pair have in common; all else is free.
        differs: the concept, or concepts, in which they differ; all else, the residual too, is shared.
        rho: σ_ab, the positive correlation of the shared blocks: one number, or one a pair.

    Exactly one of `shares` and `differs` is given.
    """

    a: ArrayLike
    b: ArrayLike
    shares: str | Sequence[str] | None = None
    differs: str | Sequence[str] | None = None
    rho: float | ArrayLike = 0.975

    @property
    def names(self) -> list[str]:
        """The concepts that `shares` or `differs` names."""
        given = self.shares if self.shares is not None else self.differs
        return [given] if isinstance(given, str) else list(given or ())

    def within(self, rows: NDArray[np.int64], n_rows: int) -> Pairs:
        """The pairs whose both rows are among `rows`, with places in `rows` instead of row indices.

        Args:
            rows: kept row indices.
            n_rows: how many rows there are in all.

        Raises:
            InputError: no pair is left, or a pair points outside the rows.
        """
        a, b = np.asarray(self.a, np.int64), np.asarray(self.b, np.int64)
        _check_table(self, a, b, n_rows)
        place = np.full(n_rows, -1)
        place[rows] = np.arange(len(rows))
        kept = (place[a] >= 0) & (place[b] >= 0)
        if not kept.any():
            raise InputError(
                "No pair has both of its rows among those kept for training.", fix="give more pairs"
            )
        rho = np.broadcast_to(np.asarray(self.rho), a.shape)[kept]
        return Pairs(place[a][kept], place[b][kept], self.shares, self.differs, rho)

    def rho_of_blocks(self, blocks: Blocks) -> Tensor:
        """The correlation of each block over each pair, (n, K + 1)."""
        named = torch.tensor([name in self.names for name in blocks])
        shared = named if self.shares is not None else ~named
        rho = torch.as_tensor(np.broadcast_to(np.asarray(self.rho, np.float32), np.shape(self.a)).copy())
        return rho[:, None] * shared.float()


class PairBatch(NamedTuple):
    """Rows a and b, (n,), and the correlation of each block over each pair, (n, K + 1)."""

    a: Tensor
    b: Tensor
    rho: Tensor


class PairSource(Protocol):
    """Whatever draws pairs that share one thing."""

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Draw rows a and b, (n,), and the correlation of each block, (n, K + 1)."""
        ...


@dataclass(frozen=True)
class PairSampler:
    """Draws batches in which every source of pairs has an equal share.

    Without sources the pairs share nothing: the unsupervised case.
    """

    sources: tuple[PairSource, ...]
    n_rows: int
    n_blocks: int

    def draw(self, n: int, generator: torch.Generator) -> PairBatch:
        """Draw n pairs."""
        if not self.sources:
            a, b = torch.randint(self.n_rows, (2, n), generator=generator)
            return PairBatch(a, b, torch.zeros(n, self.n_blocks))
        shares = [len(part) for part in np.array_split(np.arange(n), len(self.sources))]
        drawn = [source.draw(share, generator) for source, share in zip(self.sources, shares, strict=True)]
        return PairBatch(*(torch.cat(parts) for parts in zip(*drawn, strict=True)))


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


@dataclass(frozen=True)
class TablePairs:
    """Rows of a given table of pairs, each equally often. Built by `table_pairs`."""

    a: Tensor
    b: Tensor
    rho: Tensor

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Draw n pairs."""
        row = torch.randint(len(self.a), (n,), generator=generator)
        return self.a[row], self.b[row], self.rho[row]


def table_pairs(pairs: Pairs, blocks: Blocks, n_rows: int) -> TablePairs:
    """Prepare a table of pairs.

    Raises:
        InputError: indices outside the rows, a pair of one row with itself, an unknown concept, a
            correlation outside (0, 1), or not exactly one of `shares` and `differs`.
    """
    a, b = np.asarray(pairs.a, np.int64), np.asarray(pairs.b, np.int64)
    _check_table(pairs, a, b, n_rows)
    for name in pairs.names:
        if name not in blocks:
            raise InputError(f"There is no concept {name!r}.", fix=f"nearest: {nearest(name, list(blocks))}")
    return TablePairs(torch.from_numpy(a), torch.from_numpy(b), pairs.rho_of_blocks(blocks))


def _check_table(pairs: Pairs, a: NDArray[np.int64], b: NDArray[np.int64], n_rows: int) -> None:
    if (pairs.shares is None) == (pairs.differs is None):
        raise InputError("A table of pairs needs exactly one of shares and differs.")
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise InputError(f"The pairs' a {a.shape} and b {b.shape} are not two equal lists.")
    outside = (a < 0) | (b < 0) | (a >= n_rows) | (b >= n_rows)
    for fault, what in ((outside, f"point outside the {n_rows} rows"), (a == b, "join a row with itself")):
        if fault.any():
            first = int(np.flatnonzero(fault)[0])
            raise InputError(
                f"{fault.sum()} pairs {what}.", where=f"pair {first}: rows {a[first]}, {b[first]}"
            )
    rho = np.asarray(pairs.rho, np.float64)
    if not ((rho > 0) & (rho < 1)).all():
        raise InputError(
            "The correlation rho of a pair lies strictly between 0 and 1.",
            where=f"rho from {rho.min():g} to {rho.max():g}",
        )


def make_sampler(
    columns: Mapping[str, ArrayLike], specs: Mapping[str, PairSpec], source: ArrayLike, blocks: Blocks
) -> PairSampler:
    """Prepare the pairs of a set of concepts.

    Args:
        columns: for each concept its values, (n,).
        specs: for each concept how its pairs are drawn.
        source: the source example of each row, (n,).
        blocks: the layout of z̃.
    """
    sources: list[PairSource] = []
    for name, spec in specs.items():
        rho = torch.tensor([spec.rho if block == name else 0.0 for block in blocks])
        if spec.kind == "label":
            sources.append(label_pairs(columns[name], source, rho))
        else:
            sources.append(numeric_pairs(columns[name], source, spec.rho, rho))
    return PairSampler(tuple(sources), len(np.asarray(source)), len(blocks))
