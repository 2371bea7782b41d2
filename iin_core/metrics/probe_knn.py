"""Nearest-neighbour probes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from iin_core.metrics.probe_each import each_probe
from iin_core.metrics.probe_inputs import ProbeInputs

NEIGHBOURS = 15


def knn_probes(inputs: ProbeInputs, *, seed: int = 0) -> Tensor:
    """The 15 nearest rows of the other half, in whitened coordinates, each with one vote.

    Probabilities are (votes + 1/C) / 16.

    Args:
        inputs: the stack.
        seed: unused, nothing is drawn; here so that all probes are called alike.

    Returns:
        (inputs, targets, n, classes), log-probabilities.
    """
    del seed
    return each_probe(inputs, _classify)


def _classify(
    x: NDArray[np.float32], classes: NDArray[np.int64], read: NDArray[np.float32]
) -> NDArray[np.float64]:
    from sklearn.neighbors import KNeighborsClassifier

    n_neighbours = min(NEIGHBOURS, len(x))
    found = KNeighborsClassifier(n_neighbours, algorithm="brute").fit(x, classes)
    shares = found.predict_proba(read)
    votes: NDArray[np.float64] = (shares * n_neighbours + 1 / shares.shape[1]) / (n_neighbours + 1)
    return votes
