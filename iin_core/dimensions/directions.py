"""Directions of whitened rows, ordered by how much the two rows of a pair share along them."""

from __future__ import annotations

import torch
from torch import Tensor

from iin_core.dimensions.problem import ConceptPairs


def shared_directions(white: Tensor, pairs: ConceptPairs) -> tuple[Tensor, Tensor]:
    """Eigenvalues, falling, and eigenvectors, (d, d), of the whitened rows' cross-covariance over pairs.

    K = ½ E[wᵃ wᵇᵀ + wᵇ wᵃᵀ]: an eigenvalue is the correlation of a pair along its direction. Of pairs
    that share all but the concept, ½ E[(wᵃ − wᵇ)(wᵃ − wᵇ)ᵀ]: how much they differ.

    Args:
        white: (n, d), mean 0 and covariance 1.
        pairs: of places in it.
    """
    a, b = white[pairs.a], white[pairs.b]
    products = ((a - b).T @ (a - b) / 2 if pairs.differs else a.T @ b).double() / max(len(a), 1)
    values, vectors = torch.linalg.eigh((products + products.T) / 2)
    return values.flip(0), vectors.flip(1).float()


def correlations(white: Tensor, pairs: ConceptPairs, directions: Tensor) -> Tensor:
    """What the pairs share along given directions (or how much they differ), (d,)."""
    a, b = white[pairs.a] @ directions, white[pairs.b] @ directions
    return ((a - b).square().mean(0) / 2 if pairs.differs else (a * b).mean(0)).double()
