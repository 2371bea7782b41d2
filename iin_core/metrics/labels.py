"""Labels as class indices, with the rows that have none marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from iin_core.errors import InputError
from iin_core.metrics.quintiles import quintiles

MISSING = -1
"""The class index of a row without a label. A *label* of −1 is a class as any other."""


@dataclass(frozen=True)
class ProbeLabels:
    """A concept as probes read it.

    Args:
        name: the concept's name, with " (quintile)" where it is a binned number.
        classes: (n,) class indices, −1 where the row has no label.
    """

    name: str
    classes: NDArray[np.int64]

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return int(self.classes.max()) + 1

    @property
    def known(self) -> NDArray[np.bool_]:
        """(n,), whether a row has a label."""
        return np.asarray(self.classes != MISSING)

    @property
    def shares(self) -> NDArray[np.float64]:
        """The share of each class among the rows with a label."""
        counts = np.bincount(self.classes[self.known], minlength=self.n_classes)
        return np.asarray(counts / self.known.sum(), dtype=np.float64)

    @property
    def entropy(self) -> float:
        """H of the labels, nats."""
        shares = self.shares[self.shares > 0]
        return float(-(shares * np.log(shares)).sum())

    def at(self, rows: NDArray[np.int64]) -> ProbeLabels:
        """The labels of some rows, of the same classes."""
        return ProbeLabels(self.name, self.classes[rows])


def class_indices(values: ArrayLike) -> tuple[NDArray[np.int64], list[Any]]:
    """Class of each row in the order of the sorted labels, −1 where there is none.

    None, NaN and pandas' NA are missing labels; −1 is a label.

    Args:
        values: (n,) labels of any kind.

    Returns:
        class indices (n,), and the labels in their order: sorted, by their text where they cannot
        be compared.
    """
    codes, found = pd.factorize(np.asarray(values))
    labels = list(found)
    try:
        ordered = sorted(range(len(labels)), key=lambda i: labels[i])
    except TypeError:
        ordered = sorted(range(len(labels)), key=lambda i: str(labels[i]))
    # The last place is what −1, pandas' own mark of a missing value, points to.
    place = np.full(len(labels) + 1, MISSING, dtype=np.int64)
    place[ordered] = np.arange(len(ordered))
    return place[codes], [labels[i] for i in ordered]


def probe_labels(name: str, values: ArrayLike, *, read: slice = slice(None)) -> ProbeLabels:
    """Labels as class indices; floating-point numbers are binned into quintiles.

    Args:
        name: the concept's.
        values: (n,); None, NaN and pandas' NA are rows without a label.
        read: the rows that are read; a label that they all share tells nothing.

    Raises:
        InputError: the rows read have no two different labels.
    """
    array = np.asarray(values)
    numeric = array.dtype.kind == "f"
    bins = quintiles(array) if numeric else None
    classes, _ = class_indices(array if bins is None else np.where(bins < 0, np.nan, bins))
    known = classes[read][classes[read] != MISSING]
    if len(np.unique(known)) < 2:
        raise InputError(
            f"Concept {name!r} has {'one value only' if len(known) else 'no labels'}; "
            "nothing can be read of it.",
            where=f"{len(classes[read])} rows, {len(known)} with a label",
            fix="leave it out, or give rows that differ in it",
        )
    return ProbeLabels(f"{name} (quintile)" if numeric else name, classes)
