"""The parameters of a whole stack of IINs in one flat buffer, and their gradients in another."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from iin_core.huge_pages import huge_zeros
from iin_core.transforms.gradient_place import make_place, offer_place, withdraw_place

_LANES = 16


class FlatParameters:
    """Moves a module's parameters into one flat buffer of which they become views; so with the gradients.

    The innermost matrix of each parameter is padded to 16 floats, so that a vector instruction
    never spans two IINs: what happens to one does not depend on how many lie beside it. Parameters of
    one shape lie together.

    Args:
        module: all of its parameters have at least three axes, the first of them that of the IINs.
    """

    def __init__(self, module: nn.Module) -> None:
        by_shape: dict[torch.Size, list[nn.Parameter]] = {}
        for parameter in module.parameters():
            by_shape.setdefault(parameter.shape, []).append(parameter)
        self._shapes = [(len(alike), shape) for shape, alike in by_shape.items()]
        self._parameters = [parameter for alike in by_shape.values() for parameter in alike]
        size = sum(n * _padded_size(shape) for n, shape in self._shapes)
        self.flat = nn.Parameter(huge_zeros((size,), like=self._parameters[0].detach()))
        self.gradient = self.flat.grad = huge_zeros((size,), like=self.flat.detach())
        values = self._views(self.flat.detach())
        self._places = [make_place(view) for view in self._views(self.gradient)]
        for parameter, view, place in zip(self._parameters, values, self._places, strict=True):
            view.copy_(parameter.detach())
            parameter.data, parameter.grad = view, place.whole

    def differentiate(self, loss: Tensor, *others: FlatParameters) -> None:
        """Fill the flat gradient, and those of the others, with that of a scalar loss; 0 what it lacks."""
        parameters = [parameter for flat in (self, *others) for parameter in flat._parameters]
        places = [place for flat in (self, *others) for place in flat._places]
        for parameter, place in zip(parameters, places, strict=True):
            offer_place(parameter, place)
        gradients: Sequence[Tensor | None] = torch.autograd.grad(loss, parameters, allow_unused=True)
        for parameter, place, gradient in zip(parameters, places, gradients, strict=True):
            if gradient is None:
                place.whole.zero_()
            elif gradient.data_ptr() != place.whole.data_ptr():
                place.whole.copy_(gradient)
            withdraw_place(parameter)

    def gradient_sums(self) -> Tensor:
        """The sum over each IIN's gradient of biases and shifts, (K,).

        It is not finite where any gradient of that IIN is not: a weight's is made of products of what
        these are sums of.
        """
        parts = self._parts(self.gradient)
        vectors = [part for (_, shape), part in zip(self._shapes, parts, strict=True) if shape[-2] == 1]
        return torch.stack([part.sum((0, 2, 3)) for part in vectors or parts]).sum(0)

    def pieces(self, buffer: Tensor, k: int) -> list[Tensor]:
        """What belongs to the k-th IIN in a buffer of this layout: contiguous parts, whole and in order."""
        return [matrices[k].flatten() for part in self._parts(buffer) for matrices in part]

    def _parts(self, buffer: Tensor) -> list[Tensor]:
        """The parameters of each shape, (how many, K, matrices, floats), padding included."""
        sizes = [n * _padded_size(shape) for n, shape in self._shapes]
        return [
            part.view(n, shape[0], -1, _round_up(shape[-2] * shape[-1]))
            for (n, shape), part in zip(self._shapes, buffer.split(sizes), strict=True)
        ]

    def _views(self, buffer: Tensor) -> list[Tensor]:
        """A view of the parameter's own shape for each parameter."""
        return [
            matrices[..., : shape[-2] * shape[-1]].view(shape)
            for (_, shape), part in zip(self._shapes, self._parts(buffer), strict=True)
            for matrices in part
        ]


def _padded_size(shape: torch.Size) -> int:
    return math.prod(shape[:-2]) * _round_up(shape[-2] * shape[-1])


def _round_up(n: int) -> int:
    return -(-n // _LANES) * _LANES
