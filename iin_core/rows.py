"""Rows: their split by source example."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from iin_core.errors import InputError

SPLITS = ("train", "validation", "heldout")
SHOWN = 5


def assign_splits(source: ArrayLike, *, shares: tuple[float, float, float], seed: int) -> NDArray[np.str_]:
    """Assign each row to train, validation or heldout by its source example.

    The side of a source depends on the set of sources and the seed alone, not on the order of the
    rows or on whether sources are int32, int64 or text of the same digits.

    Args:
        source: (n,), the source example of each row.
        shares: of the sources: train, validation, heldout.
        seed: of the assignment.

    Returns:
        (n,) of ``"train"``, ``"validation"``, ``"heldout"``.

    Raises:
        InputError: a missing source, or fewer than two sources on a side (pairs and cross-fit
            probes need two).
    """
    texts = source_texts(source)
    unique, inverse = np.unique(texts, return_inverse=True)
    ranked = np.argsort([hashlib.sha256(f"{seed}:{text}".encode()).hexdigest() for text in unique])
    n_train = round(shares[0] * len(unique))
    n_validation = round(shares[1] * len(unique))
    sizes = (n_train, n_validation, len(unique) - n_train - n_validation)
    if min(sizes) < 2:
        raise InputError(
            f"{len(unique)} source examples are too few: the split gives {', '.join(map(str, sizes))} "
            f"of them to {', '.join(SPLITS)}.",
            where="the sources of the rows",
            fix="use more source examples or other shares; each side needs at least two",
        )
    side = np.empty(len(unique), dtype=f"<U{max(map(len, SPLITS))}")
    side[ranked] = np.repeat(SPLITS, sizes)
    return side[inverse]


def check_splits(source: ArrayLike, split: ArrayLike) -> None:
    """Check a split that came with the data.

    Args:
        source, split: (n,).

    Raises:
        InputError: a value that is no split, a source on two sides, or a side with fewer than two
            sources.
    """
    texts, sides = source_texts(source), np.asarray(split).astype(str)
    unknown = sorted(set(sides.tolist()) - set(SPLITS))
    if unknown:
        raise InputError(
            f"The split column holds {listed(unknown)}.",
            where=f"first in row {int(np.flatnonzero(sides == unknown[0])[0])}",
            fix=f"each row is one of {', '.join(SPLITS)}",
        )
    pairs = pd.DataFrame({"source": texts, "side": sides}).drop_duplicates()
    leaking = sorted(pairs["source"][pairs["source"].duplicated()].unique().tolist())
    if leaking:
        raise InputError(
            f"The split leaks: {len(leaking)} sources have rows on more than one side.",
            where=f"sources {listed(leaking)}",
            fix="put every row of a source on one side, or drop the column and let the study split",
        )
    for side in SPLITS:
        n_sources = int((pairs["side"] == side).sum())
        if n_sources < 2:
            raise InputError(
                f"The split gives {n_sources} sources to {side}.",
                where="the split column",
                fix="give every side at least two sources",
            )


def source_texts(source: ArrayLike) -> NDArray[np.str_]:
    """The sources as text, the same for 3, 3.0 and "3".

    Args:
        source: (n,).

    Raises:
        InputError: a source is missing.
    """
    values = np.asarray(source)
    missing = np.flatnonzero(pd.isna(values))
    if len(missing):
        raise InputError(
            f"{len(missing)} rows have no source.",
            where=f"rows {listed(missing.tolist())}",
            fix="name the source example of every row, or leave the column out if each row is its own",
        )
    if values.dtype.kind == "f" and bool((values == np.floor(values)).all()):
        values = values.astype(np.int64)
    return values.astype(str)


def listed(values: list[Any], n: int = SHOWN) -> str:
    """The first few values, as an error shows them, and how many more there are."""
    shown = ", ".join(repr(value) if isinstance(value, str) else str(value) for value in values[:n])
    return shown if len(values) <= n else f"{shown} and {len(values) - n} more"
