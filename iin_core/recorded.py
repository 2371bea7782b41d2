"""A flow's pass over the rows of an update and back: one node for autograd, whatever the flow holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from iin_core.transforms.memory import Memory
from iin_core.transforms.passes import Gradients, record

if TYPE_CHECKING:
    from iin_core.flow import NormalizingFlow


def recorded(flow: NormalizingFlow, x: Tensor, parameters: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """z̃, (K, n, N), and log|det T'(x)|, (K, n), with a gradient by x and all parameters."""
    moved: tuple[Tensor, Tensor] = _Recorded.apply(flow, x, *parameters)
    return moved


@torch.no_grad()
def moved_in_place(flow: NormalizingFlow, x: Tensor) -> tuple[Tensor, Tensor]:
    """z̃ and log|det| of rows without a gradient, in the memory that updates of as many rows have left.

    Where there is none it is the plain pass, which takes half as long again.
    """
    way = _KEPT.get(flow)
    if way is None or not way.fits(flow, x):
        return flow(x)  # type: ignore[no-any-return]
    way.turn += 1
    return way.run(x)


class _Recorded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, flow: NormalizingFlow, x: Tensor, *parameters: Tensor) -> tuple[Tensor, Tensor]:
        way = _borrow(flow, x)
        ctx.flow, ctx.parameters, ctx.way, ctx.turn = flow, parameters, way, way.turn
        return way.run(x)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor, grad_log_det: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.way.turn != ctx.turn:
            raise RuntimeError("Another pass has overwritten what this gradient needs.")
        grad_x, gradients = ctx.way.run_back(grad, grad_log_det)
        _KEPT[ctx.flow] = ctx.way
        own = grad_x.clone() if ctx.needs_input_grad[1] else None
        return (None, own, *(gradients.get(parameter) for parameter in ctx.parameters))


class _Way:
    """The passes of all transforms, each reading where the one before it writes.

    Attributes:
        turn: counts the times that it was gone.
    """

    def __init__(self, flow: NormalizingFlow, x: Tensor) -> None:
        memory = Memory(x.detach())
        self._x, self._log_det = memory.take(*x.shape), memory.take(*x.shape[:2])
        self._passes, y = [], self._x
        for transform in flow.transforms:
            self._passes.append(record(transform, y, memory))
            y = self._passes[-1].y
        self._y, self._grad = y, memory.take(*x.shape)
        self._grad_x, spare = self._grad, memory.take(*x.shape)
        for own in reversed(self._passes):
            self._grad_x, spare = own.bind(self._grad_x, spare)
        self._places = _places(flow)
        self.turn = 0

    def fits(self, flow: NormalizingFlow, x: Tensor) -> bool:
        """Whether it is for so many rows, and for the memory in which the parameters lie now."""
        own = self._x
        alike = (own.shape, own.dtype, own.device) == (x.shape, x.dtype, x.device)
        return alike and self._places == _places(flow)

    def run(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """z̃ and log|det|, in memory of their own."""
        self._x.copy_(x)
        self._log_det.zero_()
        for own in self._passes:
            own.run(self._log_det)
        return self._y.clone(), self._log_det.clone()

    def run_back(self, grad: Tensor, grad_log_det: Tensor) -> tuple[Tensor, Gradients]:
        """The gradient by x, to be read at once, and those by the parameters."""
        gradients: Gradients = {}
        self._grad.copy_(grad)
        for own in reversed(self._passes):
            own.run_back(grad_log_det, gradients)
        return self._grad_x, gradients


_KEPT: WeakKeyDictionary[nn.Module, _Way] = WeakKeyDictionary()


def _borrow(flow: NormalizingFlow, x: Tensor) -> _Way:
    """The way that is kept for the flow if it fits and nobody goes it, or a new one."""
    way = _KEPT.pop(flow, None)
    if way is None or not way.fits(flow, x):
        way = _Way(flow, x)
    way.turn += 1
    return way


def _places(flow: nn.Module) -> list[int]:
    """Where all parameters and buffers lie."""
    return [tensor.data_ptr() for tensor in _tensors([flow])]


def _tensors(modules: Iterable[nn.Module | None]) -> Iterator[Tensor]:
    """Like `parameters` and `buffers` of all modules, in a fraction of the time."""
    for module in modules:
        if module is not None:
            yield from (p for p in module._parameters.values() if p is not None)
            yield from (b for b in module._buffers.values() if b is not None)
            yield from _tensors(module._modules.values())
