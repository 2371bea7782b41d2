"""Fitting scikit-learn's classifiers at their defaults, with what they warn of as a value."""

from __future__ import annotations

import warnings
from typing import Any

from numpy.typing import NDArray


def fitted(model: Any, x: NDArray[Any], y: NDArray[Any]) -> bool:
    """Fit `model` in place to x (n, d) and classes y (n,); False where it stopped before convergence.

    The library's settings are kept, its limit of iterations too: a longer fit would be another metric.
    """
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(x, y)
    return not any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
