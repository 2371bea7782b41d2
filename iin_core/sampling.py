"""Batches of pairs: the primitive from which every factor is learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from iin_core.blocks import Blocks
from iin_core.concept_pairs import label_pairs, numeric_pairs
from iin_core.spec import PairSpec


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
