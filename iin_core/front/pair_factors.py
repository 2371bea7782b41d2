"""The factor of a table of pairs: its rows, gathered in passing, and what they share."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from iin_core.front.shared import GatheredPairs
from iin_core.front.spectrum import Spectrum

_MOST_DIRECTIONS = 16
_SHARE_OF_DIFFERENCE = 0.95


class PairRows:
    """Both rows of each pair, picked from the blocks as they pass.

    Args:
        pairs: the table; evenly spread pairs of it where it has too many.
        at_most: how many are gathered.
    """

    def __init__(self, pairs: GatheredPairs, at_most: int) -> None:
        chosen = np.unique(np.linspace(0, len(pairs.a) - 1, min(at_most, len(pairs.a))).astype(int))
        self._places = (pairs.a[chosen], pairs.b[chosen])
        self._differs = pairs.differs
        self._rows: tuple[Tensor, Tensor] | None = None

    def add(self, places: range, rows: Tensor) -> None:
        """Take what belongs to the pairs from rows at the given places, (n, N)."""
        if self._rows is None:
            a, b = (torch.zeros(len(side), rows.shape[1]) for side in self._places)
            self._rows = (a, b)
        for own, side in zip(self._rows, self._places, strict=True):
            here = np.flatnonzero((side >= places.start) & (side < places.stop))
            own[here] = rows[side[here] - places.start]

    def factor(self, spectrum: Spectrum, ridge: float) -> Tensor:
        """A with A Aᵀ the significant part of what is shared (or of what differs), (N, w)."""
        assert self._rows is not None, "rows were added"
        deviation = (spectrum.values + ridge).sqrt()
        a, b = (((rows.double() - spectrum.mean) @ spectrum.basis) / deviation for rows in self._rows)
        values, turn = _difference(a, b) if self._differs else _common(a, b)
        return (spectrum.basis * deviation) @ (turn * values.sqrt())


def _common(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues of the cross-covariance above all those of shuffled pairs, and eigenvectors."""
    values, turn = torch.linalg.eigh(cross_covariance(a, b))
    by_chance = torch.linalg.eigvalsh(cross_covariance(a, b.roll(len(b) // 2, 0)))[-1]
    found = (values > by_chance.clamp_min(0)).nonzero().flatten().flip(0)[:_MOST_DIRECTIONS]
    return values[found], turn[:, found]


def _difference(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The leading eigenvectors of half the covariance of a − b."""
    values, turn = torch.linalg.eigh((a - b).T @ (a - b) / (2 * len(a)))
    values, turn = values.flip(0).clamp_min(0), turn.flip(1)
    enough = int((values.cumsum(0) < _SHARE_OF_DIFFERENCE * values.sum()).sum()) + 1
    return values[: min(enough, _MOST_DIRECTIONS)], turn[:, : min(enough, _MOST_DIRECTIONS)]


def cross_covariance(a: Tensor, b: Tensor) -> Tensor:
    """½ (E[a bᵀ] + E[b aᵀ]) of rows about their mean, (n, d) each."""
    products = a.T @ b / len(a)
    return (products + products.T) / 2
