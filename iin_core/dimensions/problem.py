"""What an estimator of dimensions works from: rows, and pairs of each concept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from iin_core.sampling import PairSampler, PairSource

PAIRS = 20_000
_HALVES = 0xD135


@dataclass(frozen=True)
class ConceptPairs:
    """Places of rows, (P,), that share a concept, or, with `differs`, everything but it."""

    a: Tensor
    b: Tensor
    differs: bool = False


@dataclass(frozen=True, eq=False)
class Problem:
    """Rows and the pairs of each concept.

    Attributes:
        z: (n, N).
        x: (n, d), the same rows behind the front.
        pairs: concept → pairs of places in them.
        source: (n,), the source example of each row.
        seed: of everything that is drawn.
    """

    z: Tensor
    x: Tensor
    pairs: Mapping[str, ConceptPairs]
    source: ArrayLike
    seed: int = 0

    @property
    def n_dims(self) -> int:
        """d, what is divided among the blocks."""
        return self.x.shape[1]

    @cached_property
    def white(self) -> Tensor:
        """The rows behind the front with mean 0 and covariance 1, (n, at most d)."""
        centred = (self.x - self.x.mean(0)).double()
        values, vectors = torch.linalg.eigh(centred.T @ centred / max(len(centred) - 1, 1))
        varying = values > 1e-9 * values[-1]
        white: Tensor = (centred @ (vectors[:, varying] / values[varying].sqrt())).float()
        return white

    @cached_property
    def half(self) -> NDArray[np.bool_]:
        """A fixed half of the sources: for each row whether its source is in it."""
        values, code = np.unique(np.asarray(self.source), return_inverse=True)
        first = np.random.default_rng((_HALVES, self.seed)).permutation(len(values)) < len(values) // 2
        return np.asarray(first[code])

    def halves(self, pairs: ConceptPairs) -> Iterator[tuple[ConceptPairs, ConceptPairs]]:
        """Pairs to fit on and pairs of other sources to judge by, both ways round.

        Pairs across the halves are left out. Where a table has too few inside, the pairs themselves
        are halved.
        """
        a, b = torch.from_numpy(self.half)[pairs.a], torch.from_numpy(self.half)[pairs.b]
        masks = (a & b, ~a & ~b)
        if min(int(mask.sum()) for mask in masks) < min(200, len(pairs.a) // 8):
            even = torch.arange(len(pairs.a)) % 2 == 0
            masks = (even, ~even)
        parts = [ConceptPairs(pairs.a[mask], pairs.b[mask], pairs.differs) for mask in masks]
        yield parts[0], parts[1]
        yield parts[1], parts[0]


def drawn_pairs(sampler: PairSampler, seed: int = 0) -> dict[str, ConceptPairs]:
    """Pairs of each concept, drawn from a sampler's sources.

    Of a concept with several sources the first is taken.
    """
    found: dict[str, ConceptPairs] = {}
    for source, told in zip(sampler.sources, sampler.told, strict=True):
        for name in told.concepts:
            if name not in found:
                found[name] = draw(source, seed, differs=told.differ)
    return found


def draw(source: PairSource, seed: int, *, differs: bool = False) -> ConceptPairs:
    """20,000 pairs of a source, without those rows that could not be paired."""
    a, b, rho = source.draw(PAIRS, torch.Generator().manual_seed(seed))
    paired = (
        (rho > 0).any(1) if rho.shape[1] and bool((rho > 0).any()) else torch.ones(len(a), dtype=torch.bool)
    )
    return ConceptPairs(a[paired], b[paired], differs)
