"""The front of an interpreter: a fixed linear map that whitens z, or keeps its principal part."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from iin_core.errors import InputError
from iin_core.spec import FlowSpec

_EIGENVALUE_FLOOR = 1e-3
_NULL_VARIANCE = 1e-7


@dataclass(frozen=True)
class Front:
    """x = (z − mean) · forward and z = mean + x · backward + what the front leaves untouched.

    Where d = N nothing is left over. Where d < N (a wide layer, or directions without variance)
    the remainder z − mean − x · backward passes by the flow, and an edit leaves it as it is.

    Attributes:
        mean: (N,).
        forward: (N, d).
        backward: (d, N), with backward · forward the identity.
        log_det: log|dx/dz| within the kept directions, nats.
        explained: the share of the total variance that the kept directions hold.
    """

    mean: Tensor
    forward: Tensor
    backward: Tensor
    log_det: float
    explained: float

    @property
    def n_features(self) -> int:
        """N, the width of the layer."""
        return self.forward.shape[0]

    @property
    def n_dims(self) -> int:
        """d, the width of the flow."""
        return self.forward.shape[1]

    def apply(self, z: Tensor) -> Tensor:
        """Map z, (n, N), to x, (n, d)."""
        return (z - self.mean) @ self.forward

    def invert(self, x: Tensor, like: Tensor | None = None) -> Tensor:
        """Map x, (n, d), to z, (n, N), with the remainder of the rows `like`, (n, N), or with none."""
        if like is None:
            return self.mean + x @ self.backward
        return like + (x - self.apply(like)) @ self.backward


def fit_front(z: Tensor, spec: FlowSpec) -> Front:
    """Fit the front that a flow's spec asks for on the training rows z, (n, N).

    Whitening is by ZCA where all N directions are kept, else by PCA; eigenvalues are floored at a
    thousandth of the largest, so that noise directions are not blown up. The number of kept
    directions is even, at most `spec.front_dims`, and leaves out those without variance.

    Raises:
        InputError: all rows are the same.
    """
    n, n_features = z.shape
    if spec.front == "none":
        identity = torch.eye(n_features)
        return Front(torch.zeros(n_features), identity, identity.clone(), 0.0, 1.0)
    mean = z.double().mean(0)
    centred = z.double() - mean
    values, vectors = torch.linalg.eigh(centred.T @ centred / max(n - 1, 1))
    values, vectors = values.flip(0).clamp_min(0), vectors.flip(1)
    d = _kept(values, spec.front_dims, n_features)
    if d < 2:
        raise InputError(
            f"The rows of this layer vary in {int((values > 0).sum())} directions only.",
            where=f"{n} rows of {n_features} features",
            fix="study a layer that responds to its input, or give more rows",
        )
    scale = values[:d].clamp_min(_EIGENVALUE_FLOOR * float(values[0])).sqrt()
    turn = vectors.T if d == n_features else torch.eye(d, dtype=torch.float64)
    return Front(
        mean.float(),
        (vectors[:, :d] / scale @ turn).float(),
        (turn.T @ (vectors[:, :d] * scale).T).float(),
        float(-scale.log().sum()),
        float(values[:d].sum() / values.sum()),
    )


def _kept(values: Tensor, at_most: int, n_features: int) -> int:
    with_variance = int((values > _NULL_VARIANCE * float(values[0])).sum()) if values[0] > 0 else 0
    d = min(with_variance, at_most, n_features)
    return d - d % 2
