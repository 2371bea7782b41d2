"""Labels as class indices, with the rows that have none marked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

MISSING = -1
"""The class index of a row without a label; an integer label of −1 means the same."""


def class_indices(values: ArrayLike) -> tuple[NDArray[np.int64], list[Any]]:
    """Class of each row in the order of the sorted labels, −1 where there is none.

    None, NaN and the integer −1 (what `pandas.factorize` makes of them) are missing labels.

    Args:
        values: (n,) labels of any kind.

    Returns:
        class indices (n,), and the labels in their order: sorted, by their text where they cannot
        be compared.
    """
    array = np.asarray(values)
    codes, found = pd.factorize(array)
    labels = list(found)
    missing = [i for i, label in enumerate(labels) if array.dtype.kind == "i" and label == MISSING]
    kept = [i for i in range(len(labels)) if i not in missing]
    try:
        ordered = sorted(kept, key=lambda i: labels[i])
    except TypeError:
        ordered = sorted(kept, key=lambda i: str(labels[i]))
    # The last place is what −1, pandas' own mark of a missing value, points to.
    place = np.full(len(labels) + 1, MISSING, dtype=np.int64)
    place[ordered] = np.arange(len(ordered))
    return place[codes], [labels[i] for i in ordered]
