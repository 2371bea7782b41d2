"""How often each row is drawn, so that classes weigh alike and correlated concepts come apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.dependence import concept_codes, contingency, dependences
from iin_core.spec import PairSpec

DEPENDENT = 0.1
"""Cramér's V from which two concepts are drawn apart where nothing else is said."""
BALANCE = 0.5
"""What classes are balanced by where nothing is said: by the square roots of their sizes."""
MOST = 10.0
"""No row is drawn more often than this many times the mean."""
_ROUNDS = 200
_CLOSE = 1e-4


def row_weights(
    columns: Mapping[str, ArrayLike],
    specs: Mapping[str, PairSpec],
    source: ArrayLike,
    *,
    as_published: bool = False,
) -> NDArray[np.float64] | None:
    """The weight of each row, (n,), of mean 1; None where all are alike.

    Two things are asked of the weighted rows: the classes of a label have shares ∝ n_c^(1 − balance),
    and two concepts that are drawn apart (see `drawn_apart`) are independent. The weights come closest
    to the rows as they are (raking: each demand in turn is met by rescaling). Where combinations of
    values do not occur, the concepts come as close to independent as those that do occur allow.

    Args:
        columns: for each concept its values, (n,).
        specs: how its pairs are drawn.
        source: (n,), the source example of each row.
        as_published: draw rows as they come where a concept says nothing else.

    Source: raking is iterative proportional fitting, Deming and Stephan 1940.
    """
    specs = _said(specs, as_published)
    edges = drawn_apart(columns, specs, source)
    balance = {name: spec.balance or 0.0 for name, spec in specs.items()}
    balanced = {name for name, by in balance.items() if by > 0}
    involved = sorted(balanced | {name for edge in edges for name in edge})
    if not involved:
        return None
    codes = concept_codes({name: columns[name] for name in involved}, {n: specs[n] for n in involved})
    cells, cell_of_row, counts = np.unique(
        np.stack(list(codes.values()), 1), axis=0, return_inverse=True, return_counts=True
    )
    of_cell = {name: cells[:, i] for i, name in enumerate(codes)}
    mass = counts / counts.sum()
    demands = _demands(of_cell, mass, balance, edges)
    for _ in range(_ROUNDS):
        before = mass
        for cell, wanted in demands:
            mass = _rescaled(mass, cell, wanted)
        if (np.abs(mass - before) <= _CLOSE * before).all():
            break
    weights = np.minimum(mass / (counts / counts.sum()), MOST)[cell_of_row.ravel()]
    return np.asarray(weights / weights.mean(), np.float64)


def drawn_apart(
    columns: Mapping[str, ArrayLike], specs: Mapping[str, PairSpec], source: ArrayLike
) -> list[tuple[str, str]]:
    """The pairs of concepts that are drawn so that they are independent: those that one of the two is
    `given`, and where neither says so those of a Cramér's V of 0.1 or more.
    """
    found = []
    for pair in dependences(columns, specs, source):
        a, b = specs[pair.a].given, specs[pair.b].given
        asked = pair.b in (a or ()) or pair.a in (b or ())
        if asked or (a is None and b is None and pair.v >= DEPENDENT):
            found.append((pair.a, pair.b))
    return found


def _said(specs: Mapping[str, PairSpec], as_published: bool) -> dict[str, PairSpec]:
    """The specs with what holds where they say nothing."""
    said = {}
    for name, spec in specs.items():
        changes: dict[str, object] = {}
        if spec.kind == "label" and spec.balance is None and not as_published:
            changes["balance"] = BALANCE
        if spec.given is None and as_published:
            changes["given"] = ()
        said[name] = spec.model_copy(update=changes)
    return said


def _demands(
    codes: Mapping[str, NDArray[np.int64]],
    mass: NDArray[np.float64],
    balance: Mapping[str, float],
    edges: Sequence[tuple[str, str]],
) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """For each demand the group of every cell, -1 for none, and the share that each group should have."""
    margins = {name: _balanced(code, mass, balance[name]) for name, code in codes.items()}
    demands = [(codes[name], margin) for name, margin in margins.items()]
    for a, b in edges:
        table = contingency(codes[a], codes[b], mass)
        wanted = _independent(margins[a], margins[b], table > 0)
        both = (codes[a] >= 0) & (codes[b] >= 0)
        group = np.where(both, codes[a] * table.shape[1] + codes[b], -1)
        demands.append((group, wanted.ravel() * table.sum()))
    return demands


def _balanced(code: NDArray[np.int64], mass: NDArray[np.float64], balance: float) -> NDArray[np.float64]:
    share = np.bincount(code[code >= 0], mass[code >= 0])
    powered = np.where(share > 0, share, 1.0) ** (1 - balance) * (share > 0)
    return np.asarray(powered / powered.sum() * share.sum())


def _independent(
    a: NDArray[np.float64], b: NDArray[np.float64], occurs: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The table of shares with these margins that is closest to independent, 0 where nothing occurs."""
    a, b = a / a.sum(), b / b.sum()
    table = a[:, None] * b * occurs
    for _ in range(_ROUNDS):
        table *= (a / np.maximum(table.sum(1), 1e-300))[:, None]
        table *= b / np.maximum(table.sum(0), 1e-300)
    return np.asarray(table / table.sum())


def _rescaled(
    mass: NDArray[np.float64], group: NDArray[np.int64], wanted: NDArray[np.float64]
) -> NDArray[np.float64]:
    taken = group >= 0
    share = np.bincount(group[taken], mass[taken], minlength=len(wanted))
    factor = wanted / np.maximum(share, 1e-300)
    return np.where(taken, mass * factor[group], mass)
