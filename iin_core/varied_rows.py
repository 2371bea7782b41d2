"""A few rows that stand for many: chosen so that the values of all concepts occur alike often."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.concept_values import class_index

_LOOKED_AT = 20_000
"""Rows among which they are sought; more are not needed to find every common value."""


def varied_rows(
    concepts: Mapping[str, ArrayLike],
    source: ArrayLike,
    n: int,
    seed: int,
    without: ArrayLike = (),
) -> NDArray[np.int64]:
    """Choose rows one after another, each with the values that occur least so far, each of its own source.

    Args:
        concepts: name → (n_rows,) labels; numbers are to be binned before. A missing one counts as a value.
        source: (n_rows,) source of each row.
        n: how many; fewer are returned where there are fewer sources.
        seed: of what is left to chance.
        without: sources that are left out.

    Returns:
        (≤ n,) rows.
    """
    sources = np.asarray(source)
    order = np.random.default_rng(seed).permutation(len(sources))
    order = order[~np.isin(sources[order], np.asarray(without))][:_LOOKED_AT]
    codes = [class_index(np.asarray(values)[order])[1] + 1 for values in concepts.values()]
    used = [np.zeros(code.max(initial=0) + 1) for code in codes]
    left = np.ones(len(order), dtype=bool)
    chosen: list[int] = []
    while len(chosen) < n and left.any():
        seen = sum((times[code] for times, code in zip(used, codes, strict=True)), np.zeros(len(order)))
        best = int(np.argmin(np.where(left, seen, np.inf)))
        chosen.append(int(order[best]))
        for times, code in zip(used, codes, strict=True):
            times[code[best]] += 1
        left &= sources[order] != sources[order[best]]
    return np.array(chosen, dtype=np.int64)
