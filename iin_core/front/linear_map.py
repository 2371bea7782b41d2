"""A fixed linear map with an exact way back, and what it leaves out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Front:
    """x = (z − mean) · forward and z = mean + x · backward + what the front leaves untouched.

    Where d = N nothing is left over. Where d < N (a wide layer, or directions without variance)
    the remainder z − mean − x · backward passes by the flow, and an edit leaves it as it is.

    Attributes:
        mean: (N,).
        forward: (N, d).
        backward: (d, N), with backward · forward the identity.
        log_det: log|dx/dz| along the directions in which x moves z, nats.
        explained: the share of the variance that x holds; of robustly scaled features in wide layers.
        rest: (N, m), the leading principal directions of the remainder; None where nothing varies in it.
    """

    mean: Tensor
    forward: Tensor
    backward: Tensor
    log_det: float
    explained: float
    rest: Tensor | None = None

    @property
    def n_features(self) -> int:
        """N, the width of the layer."""
        return self.forward.shape[0]

    @property
    def n_dims(self) -> int:
        """d, the width of the flow."""
        return self.forward.shape[1]

    def tensors(self) -> dict[str, Tensor]:
        """Its tensors by name, as files hold them: `rest` where there is one."""
        found = {"mean": self.mean, "forward": self.forward, "backward": self.backward}
        return found if self.rest is None else {**found, "rest": self.rest}

    def apply(self, z: Tensor) -> Tensor:
        """Map z, (n, N), to x, (n, d)."""
        return (z - self.mean) @ self.forward

    def invert(self, x: Tensor, like: Tensor | None = None) -> Tensor:
        """Map x, (n, d), to z, (n, N), with the remainder of the rows `like`, (n, N), or with none."""
        if like is None:
            return self.mean + x @ self.backward
        return like + (x - self.apply(like)) @ self.backward

    def remainder_coordinates(self, z: Tensor) -> Tensor:
        """What passes by the flow, in its leading principal coordinates: (n, N) to (n, m).

        Probes read concepts from it: what they find there, no edit reaches. m is 0 where the flow
        sees everything that varies.
        """
        if self.rest is None:
            return torch.zeros(len(z), 0)
        return (z - self.mean) @ self.rest
