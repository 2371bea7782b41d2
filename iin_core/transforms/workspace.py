"""The memory of one pass through the networks of an affine step, kept from update to update."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from iin_core.huge_pages import huge_zeros
from iin_core.transforms.conditioner import Conditioner, for_each_net, log_scale_and_shift

_LINE = 16
"""Numbers; 64 bytes of float32."""


class Workspace:
    """What a pass leaves for its gradient, and the views through which both see it and the parameters.

    Attributes:
        weights, biases: the parameters with the IINs and their networks on one axis, (K · m, …).
        inputs: what each layer reads, (K · m, n, width); `first` is the first of them, (K, m, n, n_in).
        output: what the last layer gives; `log_scale` and `shift`, (K, n, n_out), are views of it.
        scale: the log-scale's exponential.
        flowing: for each layer, memory for what flows back to its input; all workspaces of a thread share
            it, so that it stays in the cache.
        ones: (K · m, 1, n), whose product with rows is their sum.
        turn: counts its passes.
    """

    def __init__(self, parameters: Sequence[Tensor], n_nets: int, u: Tensor) -> None:
        flat = [parameter.detach().flatten(0, 1) for parameter in parameters]
        self.weights, self.biases = flat[: len(flat) // 2], flat[len(flat) // 2 :]
        self.weights_transposed = [weight.mT for weight in self.weights]
        self._pointers = [view.data_ptr() for view in flat]
        n_rows = u.shape[1]
        widths = [*(weight.shape[1] for weight in self.weights), self.weights[-1].shape[2]]
        *self.inputs, self.output = _matrices(len(self.weights[0]), n_rows, widths, like=u)
        self.inputs_transposed = [layer.mT for layer in self.inputs]
        self.first = for_each_net(self.inputs[0], n_nets)
        self.log_scale, self.shift = log_scale_and_shift(self.output, n_nets)
        self.scale = torch.empty_like(self.log_scale, memory_format=torch.contiguous_format)
        self.flowing = [_shared(layer, i % 2) for i, layer in enumerate(self.inputs)]
        self.ones = u.new_ones(1, 1, n_rows).expand(len(self.weights[0]), -1, -1)
        self.turn = 0

    def fits(self, parameters: Sequence[Tensor], u: Tensor) -> bool:
        """Whether it is of this many rows and of the memory in which the parameters lie now."""
        first = self.inputs[0]
        return (
            first.shape[1] == u.shape[1]
            and first.dtype == u.dtype
            and self._pointers == [parameter.data_ptr() for parameter in parameters]
        )


_SHARED = threading.local()
_KEPT: WeakKeyDictionary[Conditioner, Workspace] = WeakKeyDictionary()


def borrow(net: Conditioner, parameters: Sequence[Tensor], u: Tensor) -> Workspace:
    """The workspace that is kept for the networks if it fits and nobody has it, or a new one."""
    work = _KEPT.pop(net, None)
    if work is None or not work.fits(parameters, u):
        work = Workspace(parameters, net.n_nets, u)
    work.turn += 1
    return work


def give_back(net: Conditioner, work: Workspace) -> None:
    """Keep a workspace for the next pass."""
    _KEPT[net] = work


def _shared(like: Tensor, slot: int) -> Tensor:
    """Memory of this shape for what is of no use after a gradient is taken."""
    kept, key = vars(_SHARED), f"{slot} {like.dtype} {like.device}"
    if key not in kept or kept[key].numel() < like.numel():
        kept[key] = huge_zeros((like.numel(),), like=like)
    memory: Tensor = kept[key][: like.numel()].view(like.shape)
    return memory


def _matrices(n: int, n_rows: int, widths: Sequence[int], *, like: Tensor) -> list[Tensor]:
    """Memory for (n, n_rows, width) of each width, each from a whole cache line on."""
    sizes = [n * n_rows * width for width in widths]
    lines = [-(-size // _LINE) * _LINE for size in sizes]
    parts = huge_zeros((sum(lines),), like=like).split(lines)
    return [
        part[:size].view(n, n_rows, width) for part, size, width in zip(parts, sizes, widths, strict=True)
    ]
