"""Where a parameter's gradient is to be written, so that nobody has to copy it there afterwards."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Place(NamedTuple):
    """Memory for a gradient, of the parameter's own shape and, as `flat`, with the first two axes as one."""

    whole: Tensor
    flat: Tensor


def make_place(memory: Tensor) -> Place:
    """Use memory of a parameter's shape for its gradient."""
    return Place(memory, memory.flatten(0, 1))


def offer_place(parameter: Tensor, place: Place) -> None:
    """Offer a place to whoever computes the next gradient of the parameter."""
    parameter.__dict__["gradient_place"] = place


def take_place(parameter: Tensor) -> Place:
    """The place offered for the gradient, or a new one.

    An offer is taken once: where a parameter is used twice in one graph, autograd adds two gradients
    up, and they must not share their memory.
    """
    place: Place | None = parameter.__dict__.pop("gradient_place", None)
    return make_place(torch.empty(parameter.shape).to(parameter)) if place is None else place


def withdraw_place(parameter: Tensor) -> None:
    """Take back an offer that nobody took."""
    parameter.__dict__.pop("gradient_place", None)
