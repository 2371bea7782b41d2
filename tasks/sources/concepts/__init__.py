"""Kinds of concepts: what a column, or a file of pairs, must be like to serve as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from iin_core.concept_checks import check_given, columns_of
from iin_core.pairs import Pairs
from iin_core.spec import PairSpec
from tasks.sources.concepts import label, numeric, pair_table

CONCEPTS: dict[str, Callable[[str, PairSpec, pd.DataFrame, Path], None]] = {
    "label": label.check,
    "numeric": numeric.check,
    "pairs": pair_table.check,
}
"""The kind of a concept → what refuses a column or file that cannot serve it."""

__all__ = ["CONCEPTS", "check_concept", "check_set", "pair_tables"]


def check_concept(name: str, spec: PairSpec, table: pd.DataFrame, folder: Path) -> None:
    """Check a concept on all rows, and on the training rows, of which its pairs are made.

    Args:
        name: of the concept.
        spec: its kind and column.
        table: with `source` and `split`.
        folder: of the study.

    Raises:
        InputError: no such column or file, or one that cannot serve.
    """
    CONCEPTS[spec.kind](name, spec, table, folder)


def check_set(factors: Mapping[str, PairSpec], table: pd.DataFrame, folder: Path) -> None:
    """Check concepts, each of which can serve alone, against each other.

    Raises:
        InputError: one is drawn apart from something that the set has not, or a table of pairs
            contradicts labels or names such a thing.
    """
    check_given(factors)
    for tables in pair_tables(factors, table, folder).values():
        pair_table.check_names(factors, tables, table, columns_of(table, factors))


def pair_tables(factors: Mapping[str, PairSpec], table: pd.DataFrame, folder: Path) -> dict[str, list[Pairs]]:
    """For each concept that is given by a file of pairs these pairs, as rows of the table."""
    return {
        name: pair_table.as_tables(pair_table.read_pairs(name, spec, folder, table))
        for name, spec in factors.items()
        if spec.kind == "pairs"
    }
