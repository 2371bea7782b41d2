"""Numbers: pairs are close in value."""

from __future__ import annotations

import pandas as pd

from iin_core.concept_checks import check_numeric


def check(name: str, column: pd.Series, table: pd.DataFrame) -> None:
    """Refuse a column that does not hold numbers.

    Raises:
        InputError: not numbers, or missing, infinite or constant.
    """
    check_numeric(column, name)
