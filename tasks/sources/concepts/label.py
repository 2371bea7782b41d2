"""Labels: pairs share a value, whatever the values are."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from iin_core.concept_checks import check_label, concept_column
from iin_core.spec import PairSpec
from tasks.sources.concepts.training_rows import on_all_and_training


def check(name: str, spec: PairSpec, table: pd.DataFrame, folder: Path) -> None:
    """Refuse a column whose values cannot be labels.

    Raises:
        InputError: no such column, no values, one value only, a value of a single source, or too many.
    """
    on_all_and_training(
        lambda rows: check_label(concept_column(rows, name, spec), rows["source"], name), table
    )
