"""Mutual information gap of single dimensions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.metrics.per_dimension.discretise import entropy, mutual_information_matrix
from iin_core.metrics.per_dimension.inputs import BINS, code_and_factors, notes_on


@dataclass(frozen=True)
class Mig:
    """MIG with what it was made of.

    Args:
        score: mean of `gaps` over the factors that vary.
        gaps: (k,) gap of each factor; 0 for a factor with one value.
        mutual_information: (d, k) in nats.
        entropy: (k,) in nats.
        notes: what to know beside the score.
    """

    score: float
    gaps: NDArray[np.float64]
    mutual_information: NDArray[np.float64]
    entropy: NDArray[np.float64]
    notes: tuple[str, ...]


def mig(codes: ArrayLike, factors: ArrayLike, bins: int = BINS) -> Mig:
    """Per-dimension MIG = mean over factors k of (I_(1)k − I_(2)k) / H(v_k).

    I_(1)k and I_(2)k are the largest and second largest mutual information of factor k with single
    dimensions, cut into `bins` equal widths. A factor that lies in several dimensions scores low
    however cleanly it is separated; `grouped_information` is the score for blocks.

    Args:
        codes: (n, d), at least two dimensions.
        factors: (n, k), each value a class.
        bins: of each dimension; 20 in the library's studies.

    Raises:
        InputError: arrays that do not match, or one dimension.

    Source: Chen et al., "Isolating sources of disentanglement in VAEs" (2018), section 4.1; bins and
        plug-in estimate as in disentanglement_lib (Locatello et al., 2019).
    """
    code, table = code_and_factors(codes, factors, dims=2)
    information, h = mutual_information_matrix(code, table, bins), entropy(table)
    ordered = np.sort(information, axis=0)
    varies = h > 0
    gaps = np.divide(ordered[-1] - ordered[-2], h, out=np.zeros_like(h), where=varies)
    score = float(gaps[varies].mean()) if varies.any() else 0.0
    return Mig(score, gaps, information, h, notes_on(code, table))
