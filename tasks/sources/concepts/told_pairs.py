"""Pairs that the data tells itself: versions of one thing, such as an image with and without glasses."""

from __future__ import annotations

import numpy as np
import pandas as pd

from iin_core.errors import InputError, nearest
from iin_core.spec import PairSpec

PAIR = "pair"
"""The column of the data in which versions of one thing have one value."""


def told_pairs(name: str, spec: PairSpec, table: pd.DataFrame) -> pd.DataFrame:
    """Pairs that the data tells: versions of one thing that differ in the concept and in nothing else.

    Args:
        name: of the concept.
        spec: its column and correlation.
        table: of the data; rows with one value of `pair` are versions of one thing, and the concept's
            column says which. A row without either is in no pair.

    Returns:
        As `read_pairs`: each two versions with different values, once.

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
    return pd.DataFrame(
        {
            "a": both["row_a"].to_numpy(),
            "b": both["row_b"].to_numpy(),
            "shares": "",
            "differs": name,
            "rho": spec.rho,
        }
    )
