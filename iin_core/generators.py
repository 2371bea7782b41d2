"""Generators of images held against the same held-out images, in the same features, over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from torch import Tensor

from iin_core.errors import InputError
from iin_core.metrics.frechet import feature_moments, frechet
from iin_core.metrics.precision_recall import NEIGHBOURS, manifold, precision_recall

MEASURES = ("fid", "precision", "recall")


def compare_generators(
    real: Tensor, sets: Mapping[str, Sequence[Tensor]], k: int = NEIGHBOURS
) -> pd.DataFrame:
    """FID, precision and recall of each method, mean and spread over its sets of samples.

    Args:
        real: features (n, D) of held-out images.
        sets: method → for each seed features (n, D) of its samples; n is that of `real`.
        k: of precision and recall.

    Returns:
        One row a method: method, fid, fid_low, fid_high (smallest and largest over seeds), the same of
        precision and recall, seeds, n.

    Raises:
        InputError: samples of another number than what is real, whose distances would say nothing; see
            also `feature_moments` and `manifold`.
    """
    moments, known = feature_moments(real), manifold(real, k)
    rows = []
    for method, drawn in sets.items():
        found: dict[str, list[float]] = {name: [] for name in MEASURES}
        for features in drawn:
            if len(features) != len(real):
                raise InputError(
                    f"{method!r} has {len(features)} samples against {len(real)} held-out images.",
                    fix="draw as many: FID, precision and recall all move with the number of rows",
                )
            shares = precision_recall(known, features, k)
            found["fid"].append(frechet(moments, feature_moments(features)))
            found["precision"].append(shares.precision)
            found["recall"].append(shares.recall)
        row: dict[str, object] = {"method": method}
        for name, values in found.items():
            row |= {name: np.mean(values), f"{name}_low": min(values), f"{name}_high": max(values)}
        rows.append({**row, "seeds": len(drawn), "n": len(real)})
    return pd.DataFrame(rows)


def margin(table: pd.DataFrame, method: str, other: str) -> float:
    """The difference of mean FIDs (positive: `method` is nearer) less the larger spread of the two."""
    spreads = [
        value_of(table, name, "fid_high") - value_of(table, name, "fid_low") for name in (method, other)
    ]
    return value_of(table, other, "fid") - value_of(table, method, "fid") - max(spreads)


def value_of(table: pd.DataFrame, method: str, column: str) -> float:
    """One number of the table."""
    return float(table.loc[table["method"] == method, column].to_numpy(np.float64)[0])
