"""What readings have in common: refusing what they cannot read, and adding a change bit for bit."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from iin_core.errors import InputError

_FITTING = {
    2: "use flatten",
    3: "use flatten, pool: mean, pool: max or one of token: cls, last, mean",
    4: "use flatten, pool: mean or pool: max",
}


class _Named(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def editable(self) -> bool: ...


def added(activation: Tensor, delta: Tensor) -> Tensor:
    """activation + delta in float32 or wider; where delta is 0 every bit stays."""
    # −0.0 is the only number whose addition leaves every bit, the sign of zero too; −(−δ + 0) turns
    # both zeros into it, changes nothing else, and keeps the gradient.
    delta = delta.to(activation.device).neg().add(0.0).neg()
    wide = torch.promote_types(activation.dtype, torch.float32)
    return (activation.to(wide) + delta.to(wide)).to(activation.dtype)


def check_activation(activation: Tensor, name: str, fits: bool, expected: str) -> None:
    """Refuse an activation that is not of floating point, or whose shape does not fit.

    Raises:
        InputError: the text names the readings that fit.
    """
    if not activation.is_floating_point():
        raise InputError(
            f"The reading {name!r} cannot read an activation of {activation.dtype}.",
            fix="name a layer whose activation is of floating point",
        )
    if not fits:
        raise InputError(
            f"The reading {name!r} cannot read an activation of shape {tuple(activation.shape)}; "
            f"it reads {expected}.",
            fix=_FITTING.get(
                min(activation.dim(), 4), "name a layer whose activation has a row for each example"
            ),
        )


def check_delta(delta_rows: Tensor, expected: tuple[int, int], reading: _Named) -> None:
    """Refuse a change of rows that is not of the shape (rows, N), or a reading without a way back.

    Raises:
        InputError: either of these.
    """
    if not reading.editable:
        raise InputError(
            f"The reading {reading.name!r} cannot put an edit back: not applicable, lossy.",
            fix="read the layer by flatten, pool: mean or token",
        )
    if tuple(delta_rows.shape) != expected:
        raise InputError(
            f"The change of rows has shape {tuple(delta_rows.shape)}, the activation's rows {expected}.",
            fix="make one row of change for each example, by the same reading",
        )
