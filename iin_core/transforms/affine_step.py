"""The affine step of a coupling: v becomes v · exp(s(u)) + t(u), and back; with a gradient written by hand.

By hand, because this is where a training spends its time: what the gradient needs is saved once, in
memory that is kept from update to update, and overwritten in place; the gradients of weights are written
where they are wanted (`gradient_place`). Autograd, which gives the same, is the oracle in the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from iin_core.transforms.conditioner import SLOPE, Conditioner, for_each_net, log_scale_and_shift
from iin_core.transforms.gradient_place import take_place
from iin_core.transforms.workspace import Workspace, borrow, give_back

Moved = tuple[Tensor, Tensor]

leaky_relu_ = torch.ops.aten.leaky_relu_.default
leaky_relu_backward = torch.ops.aten.leaky_relu_backward.grad_input
tanh_backward = torch.ops.aten.tanh_backward.grad_input


def move(net: Conditioner, u: Tensor, v: Tensor) -> Moved:
    """v · exp(s(u)) + t(u), (K, n, n_out), and the log-determinant Σ s(u), (K, n)."""
    parameters = net.tensors()
    if torch.is_grad_enabled() and parameters[0].requires_grad:
        moved: Moved = _Move.apply(net, u, v, *parameters)
        return moved
    return plain_move(net, u, v)


def plain_move(net: Conditioner, u: Tensor, v: Tensor) -> Moved:
    """The same as autograd differentiates it, for networks that are not trained; keeps no memory."""
    log_scale, shift = net(u)
    return torch.addcmul(shift, v, log_scale.exp()), log_scale.sum(-1)


def move_back(net: Conditioner, u: Tensor, v: Tensor) -> Tensor:
    """The inverse of `move` with the same u."""
    log_scale, shift = net(u)
    back: Tensor = (v - shift) * log_scale.neg().exp()
    return back


class _Move(torch.autograd.Function):
    """`move`; its last inputs are all weights followed by all biases."""

    @staticmethod
    def forward(ctx: Any, net: Conditioner, u: Tensor, v: Tensor, *parameters: Tensor) -> Moved:
        work = borrow(net, parameters, u)
        _run(work, u)
        ctx.save_for_backward(v)
        ctx.net, ctx.parameters, ctx.work, ctx.turn = net, parameters, work, work.turn
        return torch.addcmul(work.shift, v, work.scale), work.log_scale.sum(-1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor, grad_log_det: Tensor) -> tuple[Tensor | None, ...]:
        work, n_nets, (v,) = ctx.work, ctx.net.n_nets, ctx.saved_tensors
        if work.turn != ctx.turn:
            raise RuntimeError("Another pass has overwritten what this gradient needs.")
        grad_v = grad * work.scale
        flowing = torch.empty_like(work.output)
        grad_log_scale, grad_shift = log_scale_and_shift(flowing, n_nets)
        grad_scaled = torch.addcmul(grad_log_det[..., None], grad_v, v)
        tanh_backward(grad_scaled, work.log_scale, grad_input=grad_log_scale)
        grad_shift.copy_(grad)
        places = [take_place(parameter) for parameter in ctx.parameters]
        flowing = _run_back(work, flowing, [place.flat for place in places])
        give_back(ctx.net, work)
        grad_u = for_each_net(flowing, n_nets).sum(1) if n_nets > 1 else flowing
        return (None, grad_u, grad_v, *(place.whole for place in places))


def _run(work: Workspace, u: Tensor) -> None:
    """Run the networks on u, (K, n, n_in)."""
    work.first.copy_(u[:, None])
    for i in range(len(work.weights) - 1):
        torch.baddbmm(work.biases[i], work.inputs[i], work.weights[i], out=work.inputs[i + 1])
        leaky_relu_(work.inputs[i + 1], SLOPE)
    torch.baddbmm(work.biases[-1], work.inputs[-1], work.weights[-1], out=work.output)
    work.log_scale.tanh_()
    torch.exp(work.log_scale, out=work.scale)


def _run_back(work: Workspace, flowing: Tensor, places: Sequence[Tensor]) -> Tensor:
    """From the gradient of the networks' output to that of their input; the parameters' go to `places`."""
    n_layers = len(work.weights)
    for i in reversed(range(n_layers)):
        torch.bmm(work.ones, flowing, out=places[n_layers + i])
        torch.bmm(work.inputs_transposed[i], flowing, out=places[i])
        if i:
            torch.bmm(flowing, work.weights_transposed[i], out=work.flowing[i])
            flowing = leaky_relu_backward(
                work.flowing[i], work.inputs[i], SLOPE, True, grad_input=work.flowing[i]
            )
    return torch.bmm(flowing, work.weights_transposed[0])
