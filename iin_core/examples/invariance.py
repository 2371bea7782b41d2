"""Penalties that leave a layer nothing but what tells the classes apart."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_FLOOR = 1e-12
"""Far below any variance worth having, or the network would escape by making the layer tiny."""
_SHRINKAGE = 1e-3


def nuisance_share(a: Tensor, b: Tensor) -> Tensor:
    """How much of a layer's variance two presentations of one thing do not share.

    (1/N) tr(C⁻¹ D): C is the covariance of the rows, D that of half the differences a − b, so the
    result is 0 if the presentations agree, 1 if they are unrelated, and the same after any
    invertible linear map of the layer: a nuisance cannot hide in directions of small variance.

    Args:
        a: (n, N) activations.
        b: (n, N), the same things presented differently.

    Returns:
        a scalar with gradient.
    """
    rows = torch.cat([a, b])
    centred = rows - rows.mean(0)
    covariance = centred.T @ centred / len(rows)
    # Fewer rows than dimensions, or dead units, would leave it without an inverse.
    shrinkage = _SHRINKAGE * covariance.diagonal().mean() + _FLOOR
    covariance = covariance + shrinkage * torch.eye(covariance.shape[0])
    difference = a - b
    unshared = difference.T @ difference / (2 * len(difference))
    share: Tensor = torch.linalg.solve(covariance, unshared).diagonal().mean()
    return share


def within_class_share(rows: Tensor, classes: Tensor, n_classes: int) -> Tensor:
    """The share of each dimension's variance that lies within classes, mean over dimensions.

    Args:
        rows: (n, N) activations.
        classes: (n,) class indices.
        n_classes: how many there are.

    Returns:
        a scalar with gradient, 0 if each class is one point.
    """
    member = functional.one_hot(classes, n_classes).to(rows.dtype)
    means = (member.T @ rows) / member.sum(0).clamp(min=1)[:, None]
    spread = (rows - means[classes]).square().mean(0)
    share: Tensor = (spread / (rows.var(0, correction=0) + _FLOOR)).mean()
    return share


def redundancy(rows: Tensor) -> Tensor:
    """Sum of squared correlations with all other dimensions, mean over dimensions.

    Args:
        rows: (n, N) activations.

    Returns:
        a scalar with gradient, 0 if all dimensions are uncorrelated.

    Source: Zbontar et al., "Barlow Twins" (ICML 2021), within one layer.
    """
    standard = (rows - rows.mean(0)) / (rows.var(0, correction=0) + _FLOOR).sqrt()
    correlation = standard.T @ standard / len(rows)
    off_diagonal = correlation - torch.diag(correlation.diagonal())
    return off_diagonal.square().sum(1).mean()
