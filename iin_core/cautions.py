"""What a person should know of concepts that can be used, but not without a word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from iin_core.concept_checks import columns_of, concept_column, sources_of
from iin_core.concept_values import is_missing
from iin_core.dependence import Dependence, concept_codes, contingency, cramers_v, dependences
from iin_core.row_weights import drawn_apart, row_weights
from iin_core.spec import PairSpec

MISSING = 0.5
"""The share of rows without a value from which it is said."""
DEPENDENT = 0.3
"""Cramér's V from which two concepts are said to depend on each other."""


@dataclass(frozen=True)
class Caution:
    """What is so, and what to do about it."""

    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.what} To do: {self.fix}."


def cautions(table: pd.DataFrame, factors: Mapping[str, PairSpec]) -> list[Caution]:
    """All that is to be said of concepts that `check_concepts` let pass.

    Args:
        table: one row for each example; its column `source`, where there is one, tells examples apart.
        factors: concept → its kind and column.
    """
    found: list[Caution] = []
    for name, spec in factors.items():
        if spec.kind != "pairs":
            found += _missing(concept_column(table, name, spec), name)
    return [*found, *_dependent(table, factors)]


def _missing(column: pd.Series, name: str) -> Iterator[Caution]:
    missing = is_missing(column)
    if missing.mean() > MISSING:
        yield Caution(
            f"The concept {name!r} has no value in {missing.sum()} of {len(column)} rows "
            f"({missing.mean():.0%}): its block learns from the others alone.",
            "give more rows a value if the block comes out weak",
        )


def _dependent(table: pd.DataFrame, factors: Mapping[str, PairSpec]) -> Iterator[Caution]:
    columns, source = columns_of(table, factors), sources_of(table)
    found = [pair for pair in dependences(columns, factors, source) if pair.v >= DEPENDENT]
    if not found:
        return
    apart = drawn_apart(columns, factors, source)
    weights = row_weights(columns, factors, source)
    codes = concept_codes(columns, factors)
    for pair in found:
        if pair.a_tells or pair.b_tells:
            yield _both_tell(pair) if pair.a_tells and pair.b_tells else _one_tells(pair)
            continue
        shown = f"The concepts {pair.a!r} and {pair.b!r} depend on each other (Cramér's V {pair.v:.2f})"
        if (pair.a, pair.b) not in apart or weights is None:
            yield Caution(
                f"{shown}, and pairs are drawn as the rows come.",
                f"leave `given` out, or name the other in it: {{{pair.a}: {{given: [{pair.b}]}}}}",
            )
            continue
        n_effective = weights.sum() ** 2 / (weights**2).sum()
        left = cramers_v(contingency(codes[pair.a], codes[pair.b], weights), n_effective)
        yield Caution(
            f"{shown}; pairs are drawn apart, which leaves {left:.2f} and makes the "
            f"{len(weights)} rows worth {n_effective:.0f}.",
            "add rows of the rare combinations; judge leaks of these two by the conditional ones",
        )


def _both_tell(pair: Dependence) -> Caution:
    return Caution(
        f"The concepts {pair.a!r} and {pair.b!r} determine each other (Cramér's V {pair.v:.2f}): each value "
        "of one goes with one value of the other, so no pair shares one alone and no block holds one alone.",
        "leave one of them out, or add rows in which one varies while the other stays",
    )


def _one_tells(pair: Dependence) -> Caution:
    a, b = (pair.a, pair.b) if pair.a_tells else (pair.b, pair.a)
    return Caution(
        f"The concept {a!r} determines {b!r} (Cramér's V {pair.v:.2f}): what block {a!r} tells of {b!r} is "
        "no leak, and no pair shares the first without the second.",
        f"leave {b!r} out, or add rows in which it varies while {a!r} stays",
    )


def lonely_in_training(column: np.ndarray, source: np.ndarray, name: str) -> Iterator[Caution]:
    """Labels, (n,), that only one training source, (n,), shows."""
    sources = pd.Series(source).groupby(pd.Series(column).to_numpy(), sort=True).nunique()
    lonely = sources.index[sources < 2].tolist()
    if lonely:
        yield Caution(
            f"Of the concept {name!r} {len(lonely)} values have one training source only "
            f"({', '.join(map(str, lonely[:5]))}): their rows make no pairs and train the likelihood alone.",
            "give more sources of these values, or merge them",
        )
