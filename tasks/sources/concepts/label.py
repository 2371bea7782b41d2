"""Labels: pairs share a value, whatever the values are."""

from __future__ import annotations

import pandas as pd

from iin_core.concept_checks import check_label


def check(name: str, column: pd.Series, table: pd.DataFrame) -> None:
    """Refuse a column whose values cannot be labels.

    Raises:
        InputError: missing values, one value only, a value of a single source, or too many values.
    """
    check_label(column, table["source"], name)
