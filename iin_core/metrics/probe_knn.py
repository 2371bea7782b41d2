"""Nearest-neighbour probes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 15


def knn(x: NDArray[np.float32], classes: NDArray[np.int64], read: NDArray[np.float32]) -> NDArray[np.float64]:
    """The 15 nearest rows of the other half, in whitened coordinates, each with one vote.

    Probabilities are (votes + 1/C) / 16. See `iin_core.metrics.probe_each.Classify`.
    """
    from sklearn.neighbors import KNeighborsClassifier

    n_neighbours = min(NEIGHBOURS, len(x))
    found = KNeighborsClassifier(n_neighbours, algorithm="brute").fit(x, classes)
    shares = found.predict_proba(read)
    votes: NDArray[np.float64] = (shares * n_neighbours + 1 / shares.shape[1]) / (n_neighbours + 1)
    return votes
