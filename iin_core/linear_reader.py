"""Linear probes of a network's output, as a network that reads it: for models without a head of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from iin_core.errors import InputError

STRENGTH = 0.1
"""Inverse weight of the penalty, as scikit-learn's C."""
_NEVER = -1e4
"""The logit of a class that no training row has."""


class LinearReader(nn.Module):
    """Vectors, or whatever is flattened to vectors, to logits of each concept.

    Args:
        sizes: concept → number of classes.
        n_features: of a flattened output.
    """

    def __init__(self, sizes: Mapping[str, int], n_features: int) -> None:
        super().__init__()
        self.concepts = tuple(sizes)
        self.maps = nn.ModuleList(nn.Linear(n_features, n) for n in sizes.values())

    def forward(self, output: Tensor) -> dict[str, Tensor]:
        """(n, ...) to concept → (n, classes)."""
        rows = output.flatten(1).float()
        return {name: read(rows) for name, read in zip(self.concepts, self.maps, strict=True)}


def fit_linear_reader(
    output: Tensor, values: Mapping[str, ArrayLike], classes: Mapping[str, Sequence[Any]]
) -> LinearReader:
    """Fit a logistic regression of each concept on standardised outputs.

    Args:
        output: (n, ...), flattened to (n, D).
        values: concept → (n,) labels; rows without one are left out.
        classes: concept → the label of each logit.

    Raises:
        InputError: outputs that are not finite, or a concept with fewer than two classes among the rows.
    """
    rows = output.flatten(1).double().numpy()
    if not np.isfinite(rows).all():
        bad = np.flatnonzero(~np.isfinite(rows).all(1))[:5].tolist()
        raise InputError(
            "The model's output is not finite.",
            where=f"training rows {', '.join(map(str, bad))}",
            fix="look at those rows of the data, or run the model in float32",
        )
    reader = LinearReader({name: len(classes[name]) for name in values}, rows.shape[1])
    for (name, column), read in zip(values.items(), reader.maps, strict=True):
        weight, bias = _fitted(rows, column, list(classes[name]), name)
        with torch.no_grad():
            read.weight.copy_(torch.from_numpy(weight))  # type: ignore[operator]
            read.bias.copy_(torch.from_numpy(bias))  # type: ignore[operator]
    return reader.eval()


def _fitted(
    rows: NDArray[np.float64], column: ArrayLike, labels: list[Any], name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (classes, D) and biases (classes,) for rows as they are."""
    from sklearn.linear_model import LogisticRegression

    index = pd.Index(labels, dtype=object).get_indexer(pd.Series(column).astype(object))
    known = index >= 0
    if len(np.unique(index[known])) < 2:
        raise InputError(
            f"The training rows show fewer than two classes of {name!r}: no probe can be fitted.",
            where=f"concept {name!r}",
            fix="take it out of the reader's `probe`, or give more labelled sources",
        )
    mean, scale = rows[known].mean(0), rows[known].std(0)
    scale[scale < 1e-12 * max(1.0, float(scale.max()))] = 1.0
    fit = LogisticRegression(C=STRENGTH, max_iter=2000).fit((rows[known] - mean) / scale, index[known])
    weight, bias = np.zeros((len(labels), rows.shape[1])), np.full(len(labels), _NEVER)
    # Of two classes scikit-learn keeps the second one's logit alone.
    two = len(fit.classes_) == 2
    weight[fit.classes_] = np.vstack([0 * fit.coef_, fit.coef_]) if two else fit.coef_
    bias[fit.classes_] = np.r_[0.0, fit.intercept_] if two else fit.intercept_
    weight /= scale
    bias[fit.classes_] -= (weight @ mean)[fit.classes_]
    return weight, bias
