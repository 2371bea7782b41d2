"""The pass through an affine step, with its gradient written by hand."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from iin_core.transforms.conditioner import SLOPE, Conditioner, for_each_net, log_scale_and_shift
from iin_core.transforms.gradient_place import take_place
from iin_core.transforms.memory import Memory
from iin_core.transforms.passes import Gradients

leaky_relu_ = torch.ops.aten.leaky_relu_.default
leaky_relu_backward = torch.ops.aten.leaky_relu_backward.grad_input
tanh_backward = torch.ops.aten.tanh_backward.grad_input


class AffinePass:
    """moved = v · exp(s(u)) + t(u), where all of these lie in memory that others own.

    The IINs of the stack and their networks are one axis, (K · m, …). What the gradient needs is kept:
    what each layer reads, the log-scale and its exponential. What flows back is overwritten.

    Args:
        net: the networks.
        u: the parts of u, (K, n, width) each.
        v, moved: (K, n, n_out).
    """

    def __init__(
        self, net: Conditioner, u: Sequence[Tensor], v: Tensor, moved: Tensor, memory: Memory
    ) -> None:
        self._u, self._v, self._moved, self._n_nets = u, v, moved, net.n_nets
        self._parameters = net.tensors()
        flat = [parameter.detach().flatten(0, 1) for parameter in self._parameters]
        self._weights, self._biases = flat[: len(flat) // 2], flat[len(flat) // 2 :]
        widths = [weight.shape[1] for weight in self._weights]
        stack, n_rows, n_out = v.shape
        n, n_last = len(flat[0]), flat[-1].shape[-1]
        self._inputs = [memory.rows(n, n_rows, width) for width in widths]
        self._output = memory.take(n, n_rows, n_last)
        self._first = for_each_net(self._inputs[0], net.n_nets).split([part.shape[-1] for part in u], -1)
        self._raw, self._shift = log_scale_and_shift(self._output, net.n_nets)
        self._log_scale, self._scale = memory.take(*v.shape), memory.take(*v.shape)
        # What flows back to each layer's input, and at last from the output: two take turns, or they
        # would not stay in the cache.
        self._flowing = [memory.shared(f"{i % 2}", n, n_rows, width) for i, width in enumerate(widths)]
        self._flowing.append(memory.shared("output", n, n_rows, n_last))
        self._grad_raw, self._grad_shift = log_scale_and_shift(self._flowing[-1], net.n_nets)
        self._scaled = memory.shared("scaled", stack, n_rows, n_out)
        self._sum = memory.shared("sum", stack, n_rows, 1)[..., 0]
        self._ones = v.new_ones(1, 1, n_rows).expand(n, -1, -1)
        self._inputs_transposed = [x.mT for x in self._inputs]
        self._weights_transposed = [weight.mT for weight in self._weights]

    def run(self, log_det: Tensor) -> None:
        """Fill `moved`, and add Σ s(u) to log_det, (K, n)."""
        for part, there in zip(self._u, self._first, strict=True):
            there.copy_(part[:, None])
        last = len(self._weights) - 1
        for i, y in enumerate([*self._inputs[1:], self._output]):
            torch.bmm(self._inputs[i], self._weights[i], out=y).add_(self._biases[i])
            if i < last:
                leaky_relu_(y, SLOPE)
        self._log_scale.copy_(self._raw).tanh_()
        torch.exp(self._log_scale, out=self._scale)
        torch.addcmul(self._shift, self._v, self._scale, out=self._moved)
        log_det.add_(torch.sum(self._log_scale, -1, out=self._sum))

    def bind(self, grad_moved: Tensor, grad_v: Tensor, grad_u: Sequence[Tensor]) -> None:
        """Say where gradients lie.

        Args:
            grad_moved: that by `moved`, (K, n, n_out).
            grad_v: where that by v is to be, (K, n, n_out); may be the same memory.
            grad_u: what those by the parts of u are added to.
        """
        self._grad_moved, self._grad_v = grad_moved, grad_v
        flowing = for_each_net(self._flowing[1], self._n_nets).unbind(1)
        weights = self._parameters[0].detach().unbind(1)
        widths = [part.shape[-1] for part in grad_u]
        self._to_u = [
            (part, from_net, rows.mT)
            for from_net, weight in zip(flowing, weights, strict=True)
            for part, rows in zip(grad_u, weight.split(widths, 1), strict=True)
        ]

    def run_back(self, grad_log_det: Tensor, gradients: Gradients) -> None:
        """From the gradient by `moved` and log_det, (K, n), to all others."""
        self._grad_shift.copy_(self._grad_moved)
        torch.mul(self._grad_moved, self._scale, out=self._grad_v)
        torch.addcmul(grad_log_det[..., None], self._grad_v, self._v, out=self._scaled)
        tanh_backward(self._scaled, self._log_scale, grad_input=self._scaled)
        self._grad_raw.copy_(self._scaled)
        places = [take_place(parameter) for parameter in self._parameters]
        n_layers = len(self._weights)
        for i in reversed(range(n_layers)):
            flowing, x = self._flowing[i + 1], self._inputs[i]
            torch.bmm(self._ones, flowing, out=places[n_layers + i].flat)
            torch.bmm(self._inputs_transposed[i], flowing, out=places[i].flat)
            if i:
                below = torch.bmm(flowing, self._weights_transposed[i], out=self._flowing[i])
                leaky_relu_backward(below, x, SLOPE, True, grad_input=below)
        for grad_u, flowing, weight in self._to_u:
            grad_u.baddbmm_(flowing, weight)
        for parameter, place in zip(self._parameters, places, strict=True):
            gradients[parameter] = place.whole
