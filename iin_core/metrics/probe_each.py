"""Probes that are fitted one after another: a classifier for each input, fold and target."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iin_core.metrics.probe_inputs import ProbeInputs

Classify = Callable[[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]], NDArray[np.float64]]
"""(codes to fit on, their classes 0 … C − 1, codes to read) → probabilities (rows to read, C)."""

_LEAST = 1e-12


class ProbeFamily(Protocol):
    """Fits every probe of a stack and reads each row by the probe that did not see its source."""

    def __call__(self, inputs: ProbeInputs, *, seed: int = 0) -> Tensor:
        """Log-probabilities (inputs, targets, n, classes)."""
        ...


def one_by_one(classify: Classify) -> ProbeFamily:
    """The family of probes of a classifier that draws nothing; the seed changes nothing."""

    def probes(inputs: ProbeInputs, *, seed: int = 0) -> Tensor:
        del seed
        return each_probe(inputs, classify)

    return probes


def each_probe(inputs: ProbeInputs, classify: Classify) -> Tensor:
    """Log-probabilities of each row by the classifier that did not see its source.

    A class without a row to fit on has probability 0. Probes of one class only say that class.

    Args:
        inputs: the stack.
        classify: fits and reads one probe.

    Returns:
        (inputs, targets, n, classes).
    """
    n_inputs, _, n_targets = inputs.shape
    result = torch.full((n_inputs, n_targets, inputs.codes.shape[1], max(inputs.n_classes)), math.log(_LEAST))
    for i, width in enumerate(inputs.widths):
        codes = inputs.codes[i, :, :width].numpy()
        for j, target in enumerate(inputs.targets.numpy()):
            for fold in inputs.folds:
                fitted = fold.fit[target[fold.fit] >= 0]
                seen, classes = np.unique(target[fitted], return_inverse=True)
                said = np.ones((len(fold.read), 1))
                if len(seen) > 1:
                    said = classify(codes[fitted], classes, codes[fold.read])
                logs = torch.from_numpy(np.log(np.maximum(said, _LEAST))).float()
                result[i, j, fold.read[:, None], seen] = logs
    return result
