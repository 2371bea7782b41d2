"""Pairs that the data tells itself: versions of one thing, such as an image with and without glasses."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iin_core.errors import InputError, nearest
from iin_core.spec import PairSpec

PAIR = "pair"
"""The column of the data in which versions of one thing have one value."""
SAME = "same"
"""Begins the name of the column in which rows that share a concept have one value."""
SHARED = 4
"""Pairs that share a concept, for each row on either side."""


def told_pairs(name: str, spec: PairSpec, table: pd.DataFrame) -> pd.DataFrame:
    """Pairs that the data tells: versions of one thing that differ in the concept and in nothing else.

    Where the data has a column `same <column>` too, rows of different sources with one value of it share
    the concept and nothing else, see `sharing`.

    Args:
        name: of the concept.
        spec: its column and correlation.
        table: of the data; rows with one value of `pair` are versions of one thing, and the concept's
            column says which. A row without either is in no pair.

    Returns:
        As `read_pairs`: each two versions with different values, once, and behind them those that share.

    Raises:
        InputError: no column `pair` or no column of the concept, versions of several sources, or none
            that differ.
    """
    column = spec.column or name
    for wanted, what in ((PAIR, "tells which rows are versions of one thing"), (column, "tells them apart")):
        if wanted not in table:
            raise InputError(
                f"The data has no column {wanted!r} that {what}.",
                where=f"concept {name!r}, kind: pairs without a file",
                fix=f"nearest: {nearest(wanted, [str(known) for known in table.columns])}; or name a file of "
                "pairs: {kind: pairs, file: pairs.csv}",
            )
    versions = pd.DataFrame({"row": np.arange(len(table)), PAIR: table[PAIR], "is": table[column]})
    versions = versions[versions[PAIR].notna() & versions["is"].notna()]
    if (table["source"].groupby(table[PAIR]).nunique() > 1).any():
        raise InputError(
            "Rows with one value of 'pair' come from several sources.",
            where=f"concept {name!r}, column 'pair'",
            fix="give versions of one thing one source, so that all lie on one side of the split",
        )
    both = versions.merge(versions, on=PAIR, suffixes=("_a", "_b"))
    both = both[(both["row_a"] < both["row_b"]) & (both["is_a"] != both["is_b"])]
    if both.empty:
        raise InputError(
            f"No two rows with one value of 'pair' differ in {column!r}, so there are no pairs.",
            where=f"concept {name!r}, {versions[PAIR].nunique()} values of 'pair'",
            fix="give each thing versions that differ in the concept",
        )
    told = [_lines(both["row_a"].to_numpy(), both["row_b"].to_numpy(), "", name, spec.rho)]
    same = f"{SAME} {column}"
    if same in table:
        a, b = sharing(table[same], table["source"], table.get("split"))
        told += [_lines(a, b, name, "", spec.rho)] if len(a) else []
    return pd.concat(told, ignore_index=True)


def sharing(
    values: pd.Series, source: pd.Series, split: pd.Series | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of rows of different sources with one value, each row in a few of them, drawn with a fixed seed.

    Args:
        values: of each row; a missing one is in no pair.
        source: of each row.
        split: of each row; both rows of a pair are of one.
    """
    rng = np.random.default_rng(0)
    first, second = [], []
    group = values.astype(object) if split is None else values.astype(object) + "/" + split.astype(str)
    for rows in group.groupby(group).indices.values():
        for _ in range(SHARED):
            order = rng.permutation(np.asarray(rows, np.int64))
            first.append(order)
            second.append(np.roll(order, 1))
    if not first:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    a, b = np.concatenate(first), np.concatenate(second)
    of = source.to_numpy()
    apart = of[a] != of[b]
    return a[apart], b[apart]


def _lines(a: NDArray[np.int64], b: NDArray[np.int64], shares: str, differs: str, rho: float) -> pd.DataFrame:
    return pd.DataFrame({"a": a, "b": b, "shares": shares, "differs": differs, "rho": rho})
