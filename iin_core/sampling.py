"""Batches of linked rows: from which every factor is learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from iin_core.blocks import Blocks
from iin_core.concept_pairs import PairSource, label_pairs, numeric_pairs
from iin_core.links import Links, label_links, numeric_links
from iin_core.pairs import Pairs, table_pairs
from iin_core.row_weights import row_weights
from iin_core.spec import PairSpec

__all__ = ["Batch", "PairSampler", "PairSource", "Told", "make_sampler"]


class Batch(NamedTuple):
    """Rows of some updates, and in each block of z̃ the row that each is linked to.

    Attributes:
        rows: (..., n), which rows.
        partner: (..., n, K + 1), for each block the position *in the batch* of the row it is linked
            to, its own where there is none. A row that others are linked to is linked to none itself
            in that block, and to each row at most one is linked: the pairs of a block are disjoint.
        rho: (..., n, K + 1), the correlation of the block with its partner's, 0 where there is none.
    """

    rows: Tensor
    partner: Tensor
    rho: Tensor


class Told(NamedTuple):
    """What the pairs of one source say: they share these concepts, or differ in them alone."""

    concepts: tuple[str, ...]
    differ: bool = False


@dataclass(frozen=True)
class PairSampler:
    """Draws batches of n rows: n / 2 pairs [a; b], then links among all of them.

    Every source of pairs draws an equal share of the pairs. Without sources rows are linked to
    nothing: the unsupervised case.

    Attributes:
        sources: of the pairs.
        links: of further rows that agree; none: the pairs alone, as published.
        n_rows: to draw from.
        n_blocks: K + 1.
        told: what the pairs of each source say.
    """

    sources: tuple[PairSource, ...]
    links: tuple[Links, ...]
    n_rows: int
    n_blocks: int
    told: tuple[Told, ...] = ()

    def draw(self, n_rows: int, n_updates: int, generator: torch.Generator) -> Batch:
        """Draw the batches of some updates.

        What an update gets is the same however many are drawn at once.

        Args:
            n_rows: in each update; an odd one is alone.
            n_updates: (the leading axis of the batch).
        """
        n_pairs = n_rows // 2
        shares = [len(part) for part in np.array_split(np.arange(n_pairs), max(1, len(self.sources)))]
        sizes = [share * source.numbers for share, source in zip(shares, self.sources, strict=False)]
        sizes += [links.numbers(n_rows) for links in self.links]
        n_free = n_rows - 2 * n_pairs if self.sources else n_rows
        u = torch.rand(n_updates, sum(sizes) + n_free, generator=generator, dtype=torch.float64)
        *numbers, free = u.split([*sizes, n_free], dim=1)
        drawn = [
            source.pairs(own.unflatten(1, (share, source.numbers)))
            for source, share, own in zip(self.sources, shares, numbers, strict=False)
            if share
        ]
        alone = (free * self.n_rows).long()
        if not drawn:
            return self._unlinked(alone)
        a, b, rho = (torch.cat(parts, 1) for parts in zip(*drawn, strict=True))
        return self._linked(torch.cat((a, b, alone), 1), self._masked(a, b, rho), numbers[len(shares) :])

    def _unlinked(self, rows: Tensor) -> Batch:
        place = torch.arange(rows.shape[1])[:, None].expand(*rows.shape, self.n_blocks)
        return Batch(rows, place.clone(), torch.zeros(*rows.shape, self.n_blocks))

    def _masked(self, a: Tensor, b: Tensor, rho: Tensor) -> Tensor:
        """The correlations of pairs, with those blocks in which they agree by chance."""
        for links in self.links:
            own = rho[..., links.block]
            rho[..., links.block] = torch.where(own > 0, own, links.agree(a, b).to(rho.dtype))
        return rho

    def _linked(self, rows: Tensor, rho: Tensor, numbers: Sequence[Tensor]) -> Batch:
        batch, n_pairs = self._unlinked(rows), rho.shape[1]
        a, b = slice(0, n_pairs), slice(n_pairs, 2 * n_pairs)
        batch.rho[:, b] = rho
        batch.partner[:, b] = torch.where(rho > 0, batch.partner[:, a], batch.partner[:, b])
        busy = torch.zeros_like(batch.rho, dtype=torch.bool)
        busy[:, a] = busy[:, b] = rho > 0
        for links, u in zip(self.links, numbers, strict=True):
            free = ~busy[..., links.block]
            partner, correlation = links.link(rows, free, u)
            new = correlation > 0
            batch.partner[..., links.block] = torch.where(new, partner, batch.partner[..., links.block])
            batch.rho[..., links.block] += correlation.to(batch.rho.dtype)
        return batch


def make_sampler(
    columns: Mapping[str, ArrayLike],
    specs: Mapping[str, PairSpec],
    source: ArrayLike,
    blocks: Blocks,
    *,
    tables: Sequence[Pairs] = (),
    links: Literal["batch", "pair"] = "batch",
) -> PairSampler:
    """Prepare the pairs of a set of concepts.

    Args:
        columns: for each concept its values, (n,).
        specs: for each concept how its pairs are drawn.
        source: the source example of each row, (n,).
        blocks: the layout of z̃.
        tables: of pairs given by hand.
        links: `batch`: rows of a batch that agree in a further concept are linked too; `pair`: each
            pair shares what it was drawn for alone, as in the paper, and rows are drawn as they come
            where a concept says nothing else.
    """
    n_rows, names = len(np.asarray(source)), list(blocks)
    weights = row_weights(columns, specs, source, as_published=links == "pair")
    sources: list[PairSource] = []
    further: list[Links] = []
    for name, spec in specs.items():
        if spec.kind == "pairs":
            continue  # comes as one of the tables
        block, values = names.index(name), columns[name]
        shared = torch.zeros(len(blocks))
        shared[block] = 1.0
        if spec.kind == "label":
            sources.append(label_pairs(values, source, spec.rho * shared, weights))
            further.append(label_links(values, source, spec.rho, block))
        else:
            sources.append(numeric_pairs(values, source, spec.rho, shared, weights))
            further.append(numeric_links(values, source, spec.rho, block, weights))
    sources += [table_pairs(table, blocks, n_rows) for table in tables]
    told = [Told((name,)) for name, spec in specs.items() if spec.kind != "pairs"]
    told += [Told(tuple(table.names), table.differs is not None) for table in tables]
    return PairSampler(
        tuple(sources), tuple(further) if links == "batch" else (), n_rows, len(blocks), tuple(told)
    )
