"""The affine step of a coupling: v becomes v · exp(s(u)) + t(u), and back."""

from __future__ import annotations

import torch
from torch import Tensor

from iin_core.transforms.conditioner import Conditioner


def move(net: Conditioner, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """v · exp(s(u)) + t(u), (K, n, n_out), and the log-determinant Σ s(u), (K, n)."""
    log_scale, shift = net(u)
    return torch.addcmul(shift, v, log_scale.exp()), log_scale.sum(-1)


def move_back(net: Conditioner, u: Tensor, v: Tensor) -> Tensor:
    """The inverse of `move` with the same u."""
    log_scale, shift = net(u)
    back: Tensor = (v - shift) * log_scale.neg().exp()
    return back
