"""Can the concepts of a set be learned from a study's rows, and what should be known of them?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from iin_core.cautions import Caution, cautions
from iin_core.concept_checks import concept_column
from iin_core.errors import IinError
from iin_core.spec import PairSpec
from tasks.probe import at
from tasks.sources.concepts import check_concept, check_set
from tasks.study_file import LoadedStudy, each


@dataclass(frozen=True)
class FoundConcepts:
    """What keeps a set from being learned, and where nothing does, what should be known of it."""

    errors: tuple[IinError, ...] = ()
    cautions: tuple[Caution, ...] = ()


def check_concepts(
    loaded: LoadedStudy, concepts: str, factors: Mapping[str, PairSpec], table: pd.DataFrame
) -> FoundConcepts:
    """Check each concept of a set alone, then all against each other.

    Args:
        loaded: the study.
        concepts: the name of the set.
        factors: its concepts, with their columns.
        table: of the data, with `source` and `split`.
    """
    errors: list[IinError] = []
    for name, spec in factors.items():
        try:
            with at(loaded, "concepts", concepts, "factors", name):
                check_concept(name, spec, table, loaded.folder)
        except IinError as error:
            errors += each(error)
    if errors:
        return FoundConcepts(tuple(errors))
    try:
        with at(loaded, "concepts", concepts):
            check_set(factors, table, loaded.folder)
    except IinError as error:
        return FoundConcepts(tuple(each(error)))
    return FoundConcepts(cautions=(*cautions(table, factors), *_constant(table, factors)))


def _constant(table: pd.DataFrame, factors: Mapping[str, PairSpec]) -> Iterator[Caution]:
    """Concepts of which the rows that are measured show one value, or none."""
    for name, spec in factors.items():
        if spec.kind == "pairs":
            continue
        for split, called in (("validation", "validation"), ("heldout", "held-out")):
            n_values = concept_column(table[table["split"] == split], name, spec).nunique()
            if n_values < 2:
                shown = "one value" if n_values else "no value"
                yield Caution(
                    f"In the {called} rows the concept {name!r} shows {shown}: it cannot be read there.",
                    "give more sources, another split seed, or a split column that spreads its values",
                )
