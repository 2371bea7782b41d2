"""Whether tables of pairs say what can be so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.concept_values import class_index
from iin_core.errors import InputError
from iin_core.pairs import Pairs
from iin_core.spec import PairSpec


def check_pairs(
    tables: Sequence[Pairs],
    source: ArrayLike,
    columns: Mapping[str, ArrayLike],
    specs: Mapping[str, PairSpec],
) -> None:
    """Check tables of pairs against the rows.

    Args:
        tables: as row indices.
        source: (n,), the source example of each row.
        columns: for each concept with values its values, (n,).
        specs: for each of them its kind.

    Raises:
        InputError: indices outside the rows, a pair of one row with itself, a pair of two rows of one
            source that shares a concept, the same pair in every line, or pairs that share a label which
            their rows differ in (or the other way round).
    """
    _, source_code = np.unique(np.asarray(source), return_inverse=True)
    codes = {n: class_index(columns[n])[1] for n, spec in specs.items() if spec.kind == "label"}
    for table in tables:
        table.check(len(source_code))
        a, b = np.asarray(table.a, np.int64), np.asarray(table.b, np.int64)
        called = (
            f"the pairs that {'share' if table.shares is not None else 'differ in'} {', '.join(table.names)}"
        )
        # Two versions of one image differ in what was changed; what two images share is not their being one.
        if table.shares is not None:
            _refuse(source_code[a] == source_code[b], "join two rows of one source", (a, b), called)
        if len(a) > 1 and len(np.unique(np.sort(np.stack((a, b)), axis=0), axis=1).T) == 1:
            raise InputError(
                f"All {len(a)} pairs are the same one: rows {a[0]} and {b[0]}.",
                where=called,
                fix="give pairs of many rows; one pair says nothing of the others",
            )
        for name in set(table.names) & set(codes):
            _refuse_contradiction(codes[name], (a, b), table.shares is not None, (name, called))


def _refuse_contradiction(
    code: NDArray[np.int64],
    pair: tuple[NDArray[np.int64], NDArray[np.int64]],
    shares: bool,
    words: tuple[str, str],
) -> None:
    a, b = pair
    name, called = words
    known = (code[a] >= 0) & (code[b] >= 0)
    if shares:
        fault, labels = known & (code[a] != code[b]), "share {!r}, but their rows have two labels of it"
    else:
        fault, labels = known & (code[a] == code[b]), "differ in {!r}, but their rows have one label of it"
    _refuse(fault, labels.format(name), pair, called)


def _refuse(
    fault: NDArray[np.bool_], what: str, pair: tuple[NDArray[np.int64], NDArray[np.int64]], called: str
) -> None:
    if fault.any():
        first = int(np.flatnonzero(fault)[0])
        raise InputError(
            f"{fault.sum()} pairs {what}.",
            where=f"{called}; pair {first}: rows {pair[0][first]}, {pair[1][first]}",
            fix="drop these pairs, or correct the table or the labels",
        )
