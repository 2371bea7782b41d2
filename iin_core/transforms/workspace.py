"""The memory of one pass through the networks of an affine step, kept from update to update."""

from __future__ import annotations

from collections.abc import Iterable
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from iin_core.transforms.conditioner import Conditioner, for_each_net, log_scale_and_shift


class Workspace:
    """What a pass leaves for its gradient, and the views through which both see it and the parameters.

    Attributes:
        weights, biases: the parameters with the IINs and their networks on one axis, (K · m, …).
        inputs: what each layer reads, (K · m, n, width).
        output: what the last layer gives; `log_scale` and `shift`, (K, n, n_out), are views of it.
        scale: the log-scale's exponential.
        turn: counts its passes.
    """

    def __init__(self, net: Conditioner, u: Tensor) -> None:
        self.weights = [weight.detach().flatten(0, 1) for weight in net.weights]
        self.biases = [bias.detach().flatten(0, 1) for bias in net.biases]
        self.weights_transposed = [weight.mT for weight in self.weights]
        n_rows = u.shape[1]
        shapes = [(len(weight), n_rows, weight.shape[1]) for weight in self.weights]
        self.inputs = [u.new_empty(shape) for shape in shapes]
        self.inputs_transposed = [layer.mT for layer in self.inputs]
        self.first = for_each_net(self.inputs[0], net.n_nets)
        self.output = u.new_empty(len(self.weights[-1]), n_rows, self.weights[-1].shape[2])
        self.log_scale, self.shift = log_scale_and_shift(self.output, net.n_nets)
        self.scale = torch.empty_like(self.log_scale, memory_format=torch.contiguous_format)
        self.turn = 0

    def fits(self, net: Conditioner, u: Tensor) -> bool:
        """Whether it is of this many rows and of the memory in which the parameters lie now."""
        return (
            self.inputs[0].shape[1] == u.shape[1]
            and self.inputs[0].dtype == u.dtype
            and _same_memory(self.weights, net.weights)
            and _same_memory(self.biases, net.biases)
        )


_KEPT: WeakKeyDictionary[Conditioner, Workspace] = WeakKeyDictionary()


def borrow(net: Conditioner, u: Tensor) -> Workspace:
    """The workspace that is kept for the networks if it fits and nobody has it, or a new one."""
    kept = _KEPT.pop(net, None)
    work = kept if kept is not None and kept.fits(net, u) else Workspace(net, u)
    work.turn += 1
    return work


def give_back(net: Conditioner, workspace: Workspace) -> None:
    """Keep a workspace for the next pass."""
    _KEPT[net] = workspace


def _same_memory(views: Iterable[Tensor], parameters: Iterable[Tensor]) -> bool:
    return all(a.data_ptr() == b.data_ptr() for a, b in zip(views, parameters, strict=True))
