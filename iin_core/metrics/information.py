"""Grouped information scores: how a code's blocks share what is known of its concepts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iin_core.metrics.leakage import ALL

Number = TypeVar("Number")


@dataclass(frozen=True)
class GroupedInformation(Generic[Number]):
    """Scores of a block code, each 1 for a perfect one and 0 for a code that tells nothing.

    Numbers are plain ones of a table V, and `Score`s where the predictions behind it are known.

    Args:
        mig: grouped MIG, in [0, 1].
        infom: modularity, each block tells of one concept only; None with one concept.
        infoc: compactness, each concept is told by one block only; None with one block.
        infoe: explicitness, how much the whole code tells; None where it was not probed.
    """

    mig: Number
    infom: Number | None
    infoc: Number | None
    infoe: Number | None


def grouped_information(v: pd.DataFrame) -> GroupedInformation[float]:
    """Grouped MIG, InfoM, InfoC and InfoE of a table V[block, concept] in [0, 1].

    With V the V-information of probes on a block (1 − CE / H, clipped at 0), K concepts, B blocks:

    - MIG = mean over concepts k of (largest − second largest V[·, k] over blocks);
    - InfoM = (mean over blocks b of max_k V[b, k] / Σ_k V[b, k] − 1/K) / (1 − 1/K), over the blocks
      that tell anything (Σ_k V[b, k] > 0), as the original leaves out inactive latents. A residual
      that tells a little of everything counts as a block, one that tells nothing does not;
    - InfoC = (mean over concepts k of max_b V[b, k] / Σ_b V[b, k] − 1/B) / (1 − 1/B); a concept that
      no block tells counts as spread evenly (0);
    - InfoE = mean over concepts k of V[whole code, k].

    Args:
        v: rows are blocks, columns concepts; a row "all" holds the whole code.

    Source: Chen et al., "Isolating sources of disentanglement" (2018) for MIG; Hsu et al.,
        "Disentanglement via latent quantization" (2023) for InfoM, InfoC and InfoE, there with
        mutual information of single latents, here with V-information of blocks.
    """
    blocks = v.drop(index=ALL, errors="ignore").to_numpy(dtype=np.float64)
    n_blocks, n_concepts = blocks.shape
    return GroupedInformation(
        mig=float(mig_of(blocks)),
        infom=float(modularity_of(blocks)) if n_concepts > 1 and blocks.any() else None,
        infoc=float(compactness_of(blocks)) if n_blocks > 1 else None,
        infoe=float(v.loc[[ALL]].to_numpy().mean()) if ALL in v.index else None,
    )


def mig_of(v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Grouped MIG of V (..., blocks, concepts); a single block is compared with one that tells nothing."""
    ordered = np.sort(np.concatenate([v, np.zeros_like(v[..., :1, :])], axis=-2), axis=-2)
    gaps: NDArray[np.float64] = (ordered[..., -1, :] - ordered[..., -2, :]).mean(-1)
    return gaps


def modularity_of(v: NDArray[np.float64]) -> NDArray[np.float64]:
    """InfoM of V (..., blocks, concepts); NaN where no block tells anything."""
    active = v.sum(-1) > 0
    n_active = active.sum(-1)
    summed = np.where(active, _concentration(v), 0).sum(-1)
    shares: NDArray[np.float64] = np.divide(
        summed, n_active, out=np.full(summed.shape, np.nan), where=n_active > 0
    )
    return shares


def compactness_of(v: NDArray[np.float64]) -> NDArray[np.float64]:
    """InfoC of V (..., blocks, concepts)."""
    mean: NDArray[np.float64] = _concentration(np.swapaxes(v, -1, -2)).mean(-1)
    return mean


def _concentration(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """(largest / sum) over the last axis, from 0 (even, or nothing there) to 1 (all in one place)."""
    n = shares.shape[-1]
    sums = shares.sum(-1)
    largest = np.divide(shares.max(-1), sums, out=np.full(sums.shape, 1 / n), where=sums > 0)
    spread: NDArray[np.float64] = (largest - 1 / n) / (1 - 1 / n)
    return spread
