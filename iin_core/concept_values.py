"""The values of a concept as numbers: a class index, or a normal score; missing ones keep a mark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray

from iin_core.spec import PairSpec

MISSING = -1
"""The class index of a row without a label."""


def is_missing(values: ArrayLike) -> NDArray[np.bool_]:
    """Which of the values, (n,), are None, NaN or pandas' NA."""
    return np.asarray(pd.isna(pd.Series(values)), dtype=bool)


def class_index(values: ArrayLike) -> tuple[list[Any], NDArray[np.int64]]:
    """The sorted labels, and for each row the index of its own; -1 where it has none.

    Whole numbers that a missing neighbour turned into floating-point ones are whole numbers again.

    Args:
        values: (n,).
    """
    code, labels = pd.factorize(np.asarray(values), sort=True)
    found = np.asarray(labels)
    if found.dtype.kind == "f" and bool((found == np.floor(found)).all()):
        found = found.astype(np.int64)
    return found.tolist(), code.astype(np.int64)


def present_labels(values: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    """Which rows have a label, (n,), and those labels, each as `class_index` lists it."""
    labels, code = class_index(values)
    return code >= 0, np.asarray(labels)[code[code >= 0]] if labels else np.array([])


def normal_scores(values: ArrayLike, weights: ArrayLike | None = None) -> NDArray[np.float64]:
    """Numbers turned into quantiles of N(0, 1): Φ⁻¹ of the share of rows below; NaN where missing.

    Args:
        values: (n,). Equal values have equal scores.
        weights: (n,), how much each row counts; alike when left out.
    """
    numbers = as_numbers(values)
    present = np.flatnonzero(~np.isnan(numbers))
    weight = np.ones(len(numbers)) if weights is None else np.asarray(weights, np.float64)
    _, tie = np.unique(numbers[present], return_inverse=True)
    mass = np.bincount(tie, weights=weight[present])
    middle = (np.cumsum(mass) - mass / 2) / mass.sum() if len(mass) else mass
    scores = np.full(len(numbers), np.nan)
    scores[present] = torch.special.ndtri(torch.from_numpy(middle)).numpy()[tie]
    return scores


def concept_targets(
    columns: Mapping[str, ArrayLike], specs: Mapping[str, PairSpec]
) -> dict[str, torch.Tensor]:
    """What a penalty may know of each row: its class (long, -1 missing) or normal score (NaN missing).

    Args:
        columns: for each concept its values, (n,).
        specs: for each concept its kind; tables of pairs have no values and are left out.
    """
    targets = {}
    for name, spec in specs.items():
        if spec.kind == "label":
            targets[name] = torch.from_numpy(class_index(columns[name])[1])
        elif spec.kind == "numeric":
            targets[name] = torch.from_numpy(normal_scores(columns[name])).float()
    return targets


def as_numbers(values: ArrayLike) -> NDArray[np.float64]:
    """The values, (n,), as floating-point numbers, NaN where missing."""
    return np.asarray(pd.Series(values).to_numpy(dtype=np.float64, na_value=np.nan), np.float64)
