"""Histogram bins and mutual information, as the disentanglement library counts them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from iin_core.metrics.per_dimension.inputs import constant_columns


def discretise(table: NDArray[Any], bins: int) -> NDArray[np.int64]:
    """The bin, 1 to `bins`, of each entry, over equal widths between its column's extremes.

    Bins are those of `np.digitize` on the edges of `np.histogram` without the last one, so that the
    largest value lies in the last bin. Empty bins stay empty; a constant column is all in one bin.

    Args:
        table: (n, d), each column on its own.
        bins: how many.
    """
    found = np.ones(table.shape, dtype=np.int64)
    for i in np.flatnonzero(~constant_columns(table)):
        edges = np.histogram_bin_edges(table[:, i], bins)
        found[:, i] = np.digitize(table[:, i], edges[:-1])
    return found


def mutual_information(a: NDArray[Any], b: NDArray[Any]) -> float:
    """I(a; b) = Σ p(a, b) log(p(a, b) / p(a) p(b)) of two columns of classes (n,), in nats.

    Plug-in counts, without correction: columns of α and β classes that know nothing of each other
    have about (α − 1)(β − 1)/2n. Counts that factorise exactly give exactly 0.
    """
    i, j = (np.unique(column, return_inverse=True)[1] for column in (a, b))
    counts = np.zeros((i.max() + 1, j.max() + 1))
    np.add.at(counts, (i, j), 1)
    expected = counts.sum(1, keepdims=True) * counts.sum(0)
    seen = counts > 0
    ratio = len(i) * counts[seen] / expected[seen]
    return max(0.0, float((counts[seen] * np.log(ratio)).sum() / len(i)))


def mutual_information_matrix(codes: NDArray[Any], factors: NDArray[Any], bins: int) -> NDArray[np.float64]:
    """I[i, j] (d, k) in nats between the binned dimension i (n, d) and factor j (n, k)."""
    binned = discretise(codes, bins)
    return np.array([[mutual_information(code, factor) for factor in factors.T] for code in binned.T])


def entropy(factors: NDArray[Any]) -> NDArray[np.float64]:
    """(k,) entropy of each factor (n, k) in nats."""
    return np.array([mutual_information(factor, factor) for factor in factors.T])
