"""Support vector machines with a Gaussian kernel as probes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from iin_core.metrics.probe_each import each_probe
from iin_core.metrics.probe_inputs import ProbeInputs


def rbf_probes(inputs: ProbeInputs, *, seed: int = 0) -> Tensor:
    """scikit-learn's `SVC` with its defaults: C = 1, γ = 1 / (d · Var), one against one.

    It names a class and gives no probabilities, so there is no V-information of it: the class it
    names has log-probability 0.

    Args:
        inputs: the stack.
        seed: unused, nothing is drawn; here so that all probes are called alike.

    Returns:
        (inputs, targets, n, classes).
    """
    del seed
    return each_probe(inputs, _classify)


def _classify(
    x: NDArray[np.float32], classes: NDArray[np.int64], read: NDArray[np.float32]
) -> NDArray[np.float64]:
    from sklearn.svm import SVC

    named = SVC().fit(x, classes).predict(read)
    sure: NDArray[np.float64] = np.eye(classes.max() + 1)[named]
    return sure
