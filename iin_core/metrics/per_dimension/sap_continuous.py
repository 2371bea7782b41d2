"""SAP of numeric factors: how far one dimension stands out by its squared correlation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.metrics.per_dimension.inputs import code_and_factors, constant_columns, notes_on

_SMALLEST_VARIANCE = 1e-12


@dataclass(frozen=True)
class SapContinuous:
    """SAP with what it was made of.

    Args:
        score: mean of `gaps` over the factors that vary.
        gaps: (k,) best minus second best dimension.
        scores: (d, k) squared correlations.
        notes: what to know beside the score.
    """

    score: float
    gaps: NDArray[np.float64]
    scores: NDArray[np.float64]
    notes: tuple[str, ...]


def sap_continuous(codes: ArrayLike, factors: ArrayLike) -> SapContinuous:
    """Per-dimension SAP of numeric factors = mean over factors of (S_(1)k − S_(2)k).

    S_ik = Cov(z_i, v_k)² / (Var(z_i) Var(v_k)), 0 where Var(z_i) ≤ 1e-12. No test split: nothing
    is fitted beyond a line.

    Args:
        codes: (n, d), at least two dimensions.
        factors: (n, k) numbers.

    Raises:
        InputError: arrays that do not match, or one dimension.

    Source: Kumar et al., "Variational inference of disentangled latent concepts from unlabeled
        observations" (2018), section 3; as in disentanglement_lib (Locatello et al., 2019).
    """
    code, table = code_and_factors(codes, factors, dims=2)
    centred = code.astype(np.float64) - code.mean(0, dtype=np.float64)
    numbers = table.astype(np.float64) - table.mean(0, dtype=np.float64)
    covariance = centred.T @ numbers / (len(code) - 1)
    variance, spread = centred.var(0, ddof=1), numbers.var(0, ddof=1)
    varies = ~constant_columns(table)
    kept = (variance > _SMALLEST_VARIANCE)[:, None] & varies
    product = variance[:, None] * spread
    scores = np.divide(covariance**2, product, out=np.zeros_like(covariance), where=kept)
    ordered = np.sort(scores, axis=0)
    gaps = ordered[-1] - ordered[-2]
    notes = notes_on(code, table, classes=False)
    return SapContinuous(float(gaps[varies].mean()) if varies.any() else 0.0, gaps, scores, notes)
