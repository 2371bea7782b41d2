"""Which classes have too few members for anything to be said of them."""

from __future__ import annotations

import pandas as pd

from iin_core.priors import Label, plain


def members(table: pd.DataFrame, column: str) -> dict[Label, int]:
    """Label → how many sources show it, labels sorted as the column's values are."""
    counts = table.groupby(column, sort=True, observed=True)["source"].nunique()
    return {plain(label): int(n) for label, n in counts.items()}


def lonely_classes(table: pd.DataFrame, column: str) -> list[Label]:
    """Labels that a single source shows."""
    return [label for label, n in members(table, column).items() if n == 1]
