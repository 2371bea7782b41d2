"""Draw a factor anew: from its prior, from the paper's N(0, I), or from other rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from iin_core.blocks import Blocks
from iin_core.errors import InputError
from iin_core.priors import Prior

DrawFrom = Literal["prior", "normal", "rows"]
"""The prior that the block carries, N(0, I) as published, or the blocks of other rows."""
ALL = "all"
"""Every block at once: nothing of the base is left."""
_TAIL = 0.01


def redraw(
    code: Tensor,
    base: NDArray[np.int64],
    factor: str,
    how: DrawFrom,
    known: tuple[Blocks, Mapping[str, Prior], ArrayLike],
    seed: int = 0,
) -> Tensor:
    """Codes (m, d) of the bases with one factor drawn anew and all else kept.

    Args:
        code: (n, d) codes of rows.
        base: (m,) positions among them; a base that is to be drawn for several times stands there so often.
        factor: a block, or "all" for every block.
        how: where the draws come from. Donors of `rows` are uniform over rows of other sources.
        known: the layout of z̃, the blocks' priors, and (n,) the source of each row.
        seed: of the draws.

    Raises:
        InputError: no such factor, or `rows` where all rows are of one source.
    """
    blocks, priors, source = known
    names = list(blocks) if factor == ALL else [factor]
    if factor != ALL and factor not in blocks:
        raise InputError(
            f"The interpreter has no factor {factor!r}.", fix=f"name one of: {', '.join(blocks)}, {ALL}"
        )
    drawn = code[torch.from_numpy(base)].clone()
    if how == "rows":
        donor = torch.from_numpy(donors(base, source, seed))
        for name in names:
            drawn[:, blocks[name]] = code[donor][:, blocks[name]]
        return drawn
    generator = torch.Generator().manual_seed(seed)
    for name in names:
        width = blocks.dims[name]
        block = (
            torch.randn(len(base), width, generator=generator)
            if how == "normal"
            else priors[name].sample(len(base), generator)
        )
        drawn[:, blocks[name]] = block.to(drawn)
    return drawn


def donors(base: NDArray[np.int64], source: ArrayLike, seed: int) -> NDArray[np.int64]:
    """For each base (m,) a row of another source, uniformly drawn, (m,).

    Raises:
        InputError: all rows are of one source.
    """
    _, of_row, counts = np.unique(np.asarray(source), return_inverse=True, return_counts=True)
    if len(counts) < 2:
        raise InputError(
            "All rows are of one source, so none has a donor.",
            where=f"{len(of_row)} rows",
            fix="hold out more sources, or draw from the prior",
        )
    # Rows sorted by source; a draw skips those of the base's own source.
    order, ends = np.argsort(of_row, kind="stable"), np.cumsum(counts)
    mine = of_row[base]
    rng = np.random.default_rng(seed)
    place = rng.integers(len(of_row) - counts[mine])
    return order[np.where(place >= ends[mine] - counts[mine], place + counts[mine], place)]


def share_beyond(prior: Prior, own: Tensor, drawn: Tensor) -> float:
    """Share of drawn blocks that lie beyond the data: less likely than 99 % of the rows' own.

    About 0.01 where the draws are distributed like the rows; near 1 where they leave the data.

    Args:
        prior: of the block; its density is what both are compared by.
        own: (n, N_k) blocks of rows.
        drawn: (m, N_k).
    """
    limit = prior.log_prob(own).quantile(_TAIL)
    return float((prior.log_prob(drawn) < limit).double().mean())
