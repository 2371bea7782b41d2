"""Support vector machines with a Gaussian kernel as probes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def rbf(x: NDArray[np.float32], classes: NDArray[np.int64], read: NDArray[np.float32]) -> NDArray[np.float64]:
    """scikit-learn's `SVC` with its defaults: C = 1, γ = 1 / (d · Var), one against one.

    It names a class and gives no probabilities, so there is no V-information of it: the class it
    names has probability 1. See `iin_core.metrics.probe_each.Classify`.
    """
    from sklearn.svm import SVC

    named = SVC().fit(x, classes).predict(read)
    sure: NDArray[np.float64] = np.eye(classes.max() + 1)[named]
    return sure
