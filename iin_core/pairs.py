"""Tables of pairs, given by hand: rows that share a concept, or share everything but one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from iin_core.blocks import Blocks
from iin_core.concept_pairs import PairSource
from iin_core.errors import InputError, nearest


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

    def check(self, n_rows: int) -> None:
        """See that the table can be used with so many rows.

        Raises:
            InputError: indices outside the rows, a pair of one row with itself, a correlation outside
                (0, 1), or not exactly one of `shares` and `differs`.
        """
        _check_table(self, _row_indices(self.a), _row_indices(self.b), n_rows)

    def within(self, rows: NDArray[np.int64], n_rows: int) -> Pairs:
        """The pairs whose both rows are among `rows`, with places in `rows` instead of row indices.

        Args:
            rows: kept row indices.
            n_rows: how many rows there are in all.

        Raises:
            InputError: no pair is left, or a pair points outside the rows.
        """
        found = self.among(rows, n_rows)
        if found is None:
            raise InputError(
                "No pair has both of its rows among those kept for training.", fix="give more pairs"
            )
        return found

    def among(self, rows: NDArray[np.int64], n_rows: int) -> Pairs | None:
        """The same as `within`; None where no pair is left."""
        a, b = _row_indices(self.a), _row_indices(self.b)
        _check_table(self, a, b, n_rows)
        place = np.full(n_rows, -1)
        place[rows] = np.arange(len(rows))
        kept = (place[a] >= 0) & (place[b] >= 0)
        if not kept.any():
            return None
        rho = np.broadcast_to(np.asarray(self.rho), a.shape)[kept]
        return Pairs(place[a][kept], place[b][kept], self.shares, self.differs, rho)

    def rho_of_blocks(self, blocks: Blocks) -> Tensor:
        """The correlation of each block over each pair, (n, K + 1)."""
        named = torch.tensor([name in self.names for name in blocks])
        shared = named if self.shares is not None else ~named
        rho = torch.as_tensor(np.broadcast_to(np.asarray(self.rho, np.float32), np.shape(self.a)).copy())
        return rho[:, None] * shared.float()


@dataclass(frozen=True)
class TablePairs(PairSource):
    """Rows of a given table of pairs, each equally often. Built by `table_pairs`."""

    numbers: ClassVar[int] = 1
    a: Tensor
    b: Tensor
    rho: Tensor

    def pairs(self, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rows a and b, (...), and the correlation of each block, (..., K + 1), of u, (..., 1)."""
        row = (u[..., 0] * len(self.a)).long()
        return self.a[row], self.b[row], self.rho[row]


def table_pairs(pairs: Pairs, blocks: Blocks, n_rows: int) -> TablePairs:
    """Prepare a table of pairs.

    Raises:
        InputError: indices outside the rows, a pair of one row with itself, an unknown concept, a
            correlation outside (0, 1), or not exactly one of `shares` and `differs`.
    """
    a, b = _row_indices(pairs.a), _row_indices(pairs.b)
    _check_table(pairs, a, b, n_rows)
    for name in pairs.names:
        if name not in blocks:
            raise InputError(f"There is no concept {name!r}.", fix=f"nearest: {nearest(name, list(blocks))}")
    return TablePairs(torch.from_numpy(a), torch.from_numpy(b), pairs.rho_of_blocks(blocks))


def _row_indices(given: ArrayLike) -> NDArray[np.int64]:
    rows = np.asarray(given)
    if rows.size and rows.dtype.kind not in "iu":
        raise InputError(
            f"A table of pairs holds {rows.dtype} values where row indices belong.",
            where=f"a or b, such as {rows.flat[0]}",
            fix="give whole numbers; np.flatnonzero makes them of a mask",
        )
    return rows.astype(np.int64, copy=False)


def _check_table(pairs: Pairs, a: NDArray[np.int64], b: NDArray[np.int64], n_rows: int) -> None:
    if (pairs.shares is None) == (pairs.differs is None):
        raise InputError(
            "A table of pairs needs exactly one of shares and differs.",
            where=f"shares {pairs.shares!r}, differs {pairs.differs!r}",
            fix="name what both rows of a pair share, or the one thing in which they differ",
        )
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise InputError(
            f"The pairs' a {a.shape} and b {b.shape} are not two equal lists.",
            where=f"the pairs of {', '.join(pairs.names)}",
            fix="give for each pair its row in a and its row in b",
        )
    outside = (a < 0) | (b < 0) | (a >= n_rows) | (b >= n_rows)
    for fault, what in ((outside, f"point outside the {n_rows} rows"), (a == b, "join a row with itself")):
        if fault.any():
            first = int(np.flatnonzero(fault)[0])
            raise InputError(
                f"{fault.sum()} pairs {what}.",
                where=f"pair {first}: rows {a[first]}, {b[first]}",
                fix="drop these pairs; rows are counted from 0",
            )
    rho = _correlations(pairs.rho, len(a))
    single = rho.astype(np.float32)
    if not ((single > 0) & (single < 1)).all():
        raise InputError(
            "The correlation rho of a pair lies strictly between 0 and 1, in single precision too.",
            where=f"rho from {rho.min():.9g} to {rho.max():.9g}",
            fix="0.9999 is close enough to equal",
        )


def _correlations(given: float | ArrayLike, n_pairs: int) -> NDArray[np.float64]:
    rho = np.asarray(given)
    if rho.dtype.kind not in "fiu" or rho.shape not in ((), (n_pairs,)):
        raise InputError(
            f"The correlation rho of {n_pairs} pairs is neither a number nor one for each pair.",
            where=f"rho of the type {rho.dtype} and the shape {rho.shape}",
            fix="leave rho out, or give one number, or one a pair",
        )
    return rho.astype(np.float64)
