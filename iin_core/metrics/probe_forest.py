"""Random forests as probes."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from iin_core.metrics.probe_each import each_probe
from iin_core.metrics.probe_inputs import ProbeInputs

TREES = 100


def forest_probes(inputs: ProbeInputs, *, seed: int = 0) -> Tensor:
    """100 trees with scikit-learn's defaults; probabilities are (mean over trees · 100 + 1/C) / 101.

    Args:
        inputs: the stack.
        seed: of the trees.

    Returns:
        (inputs, targets, n, classes), log-probabilities.

    Source: Breiman, "Random forests" (2001).
    """
    return each_probe(inputs, partial(_classify, seed=seed))


def _classify(
    x: NDArray[np.float32], classes: NDArray[np.int64], read: NDArray[np.float32], *, seed: int
) -> NDArray[np.float64]:
    from sklearn.ensemble import RandomForestClassifier

    said = RandomForestClassifier(TREES, random_state=seed).fit(x, classes).predict_proba(read)
    smooth: NDArray[np.float64] = (said * TREES + 1 / said.shape[1]) / (TREES + 1)
    return smooth
