"""Where a parameter's gradient is to be written, so that nobody has to copy it there afterwards."""

from __future__ import annotations

import torch
from torch import Tensor


def offer_place(parameter: Tensor, place: Tensor) -> None:
    """Offer memory of the parameter's shape to whoever computes its next gradient."""
    parameter.__dict__["gradient_place"] = place


def take_place(parameter: Tensor) -> Tensor:
    """The memory offered for the gradient, or new memory.

    An offer is taken once: where a parameter is used twice in one graph, autograd adds two gradients
    up, and they must not share their memory.
    """
    place: Tensor | None = parameter.__dict__.pop("gradient_place", None)
    return torch.empty_like(parameter, memory_format=torch.contiguous_format) if place is None else place


def withdraw_place(parameter: Tensor) -> None:
    """Take back an offer that nobody took."""
    parameter.__dict__.pop("gradient_place", None)
