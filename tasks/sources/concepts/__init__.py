"""Kinds of concepts: what a column must be like to serve as one."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from iin_core.concept_checks import concept_column
from iin_core.errors import InputError
from iin_core.spec import PairSpec
from tasks.sources.concepts import label, numeric

CONCEPTS: dict[str, Callable[[str, pd.Series, pd.DataFrame], None]] = {
    "label": label.check,
    "numeric": numeric.check,
}
"""The kind of a concept → what refuses a column that cannot serve it."""

__all__ = ["CONCEPTS", "check_concept"]


def check_concept(name: str, spec: PairSpec, table: pd.DataFrame) -> None:
    """Check a concept on all rows, and on the training rows alone, of which its pairs are made.

    Args:
        name: of the concept.
        spec: its kind and column.
        table: with `source` and `split`.

    Raises:
        InputError: no such column, or one that cannot serve.
    """
    check = CONCEPTS[spec.kind]
    check(name, concept_column(table, name, spec), table)
    train = table[table["split"] == "train"]
    try:
        check(name, concept_column(train, name, spec), train)
    except InputError as error:
        raise InputError(
            f"In the training rows: {error.what}", where=f"{error.where}; training rows", fix=error.fix
        ) from error
