"""Numbers: pairs are close in value."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from iin_core.concept_checks import check_numeric, concept_column
from iin_core.spec import PairSpec
from tasks.sources.concepts.training_rows import on_all_and_training


def check(name: str, spec: PairSpec, table: pd.DataFrame, folder: Path) -> None:
    """Refuse a column that does not hold numbers.

    Raises:
        InputError: no such column, not numbers, or all missing, infinite or constant.
    """
    on_all_and_training(lambda rows: check_numeric(concept_column(rows, name, spec), name), table)
