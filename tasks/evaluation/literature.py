"""Which of the literature's metrics a unit gets, on which rows, and how each gets its interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iin_core.metrics import per_dimension as literature
from iin_core.metrics.bootstrap import resampled_interval
from iin_core.metrics.jackknife import N_GROUPS, jackknife_intervals

Interval = tuple[float | None, float | None]

VOTE_DRAWS = 100
"""At most so many resamplings of the sources, with votes of their own."""
TREE_GROUPS = 5
"""Boosted trees are fitted again without each: twenty would take minutes more for an interval a
fifth narrower."""


@dataclass(frozen=True)
class Rows:
    """Codes and classes, and their halves by source.

    Args:
        codes: (n, d).
        factors: (n, k) class indices.
        train: (n,) whether a row is in the half that is fitted; the others are read.
        seed: of what is random.
    """

    codes: NDArray[np.float32]
    factors: NDArray[np.int64]
    train: NDArray[np.bool_]
    seed: int

    def at(self, rows: NDArray[np.int64], seed: int | None = None) -> Rows:
        """Some of the rows, in the halves in which they were."""
        seed = self.seed if seed is None else seed
        return Rows(self.codes[rows], self.factors[rows], self.train[rows], seed)

    @property
    def halves(self) -> tuple[NDArray[Any], ...]:
        """Codes and factors of the first half, then of the second."""
        return (
            self.codes[self.train],
            self.factors[self.train],
            self.codes[~self.train],
            self.factors[~self.train],
        )


@dataclass(frozen=True)
class Metric:
    """One metric, which may give several numbers.

    Args:
        names: of the numbers.
        measure: the numbers of rows, by name, and notes.
        groups: of sources to leave out in turn for the interval; None where votes are drawn, for which
            sources are resampled.
    """

    names: tuple[str, ...]
    measure: Callable[[Rows], tuple[Mapping[str, float], tuple[str, ...]]]
    groups: int | None = N_GROUPS

    def intervals(
        self, found: Mapping[str, float], rows: Rows, source: NDArray[np.generic], draws: int
    ) -> tuple[Interval, ...]:
        """Low and high of every number, within 0 and 1, which none of them leaves.

        Args:
            found: the numbers of all rows.
            rows: those that the numbers were measured on.
            source: (n,) of each row.
            draws: resamplings where votes are drawn, at most `VOTE_DRAWS`.

        Raises:
            InputError: without some sources the metric cannot be measured.
        """
        if self.groups is None:
            low, high = resampled_interval(
                lambda taken, seed: float(self._numbers(rows.at(taken, seed))[0]),
                source,
                draws=min(draws, VOTE_DRAWS),
                seed=rows.seed,
            )
            return (_inside(low, high),)
        ends = jackknife_intervals(
            lambda kept: self._numbers(rows.at(kept)),
            source,
            groups=self.groups,
            seed=rows.seed,
            whole=np.array([found[name] for name in self.names]),
        )
        if ends is None:
            return (_inside(None, None),) * len(self.names)
        return tuple(_inside(low, high) for low, high in ends.tolist())

    def _numbers(self, rows: Rows) -> NDArray[np.float64]:
        found, _ = self.measure(rows)
        return np.array([found[name] for name in self.names])


def _inside(low: float | None, high: float | None) -> Interval:
    return (None, None) if low is None or high is None else (max(low, 0.0), min(high, 1.0))


def _one(
    name: str,
    metric: Callable[..., Any],
    *,
    halves: bool = False,
    votes: bool = False,
) -> Metric:
    def measure(rows: Rows) -> tuple[dict[str, float], tuple[str, ...]]:
        given = rows.halves if halves else (rows.codes, rows.factors)
        found = metric(*given, seed=rows.seed) if votes else metric(*given)
        return {name: float(found.score)}, found.notes

    return Metric((name,), measure, None if votes else N_GROUPS)


def _dci(rows: Rows) -> tuple[dict[str, float], tuple[str, ...]]:
    found = literature.dci(*rows.halves, seed=rows.seed)
    return {f"dci_{part}": float(getattr(found, part)) for part in _DCI}, found.notes


_DCI = ("disentanglement", "completeness", "informativeness")
METRICS = (
    _one("mig", literature.mig),
    _one("modularity", literature.modularity),
    _one("explicitness", literature.explicitness, halves=True),
    _one("sap", literature.sap_discrete, halves=True),
    Metric(tuple(f"dci_{part}" for part in _DCI), _dci, TREE_GROUPS),
    _one("irs", literature.irs),
    _one("factor_vae", literature.factor_vae_score, votes=True),
    _one("beta_vae", literature.beta_vae_score, votes=True),
)
