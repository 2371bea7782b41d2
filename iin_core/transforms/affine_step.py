"""The affine step of a coupling: v becomes v · exp(s(u)) + t(u), and back; with a gradient written by hand.

By hand, because this is where a training spends its time: what backward needs is saved once, activations
and their gradients are overwritten in place, and the gradients of weights are written where they are
wanted (`gradient_place`). Autograd gives the same gradients; the tests compare both.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from iin_core.transforms.conditioner import SLOPE, Conditioner
from iin_core.transforms.gradient_place import take_place

Gradients = tuple[Tensor | None, ...]


def move(net: Conditioner, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """v · exp(s(u)) + t(u), (K, n, n_out), and the log-determinant Σ s(u), (K, n)."""
    moved: tuple[Tensor, Tensor] = _Move.apply(net.n_nets, u, v, *net.weights, *net.biases)
    return moved


def move_back(net: Conditioner, u: Tensor, v: Tensor) -> Tensor:
    """The inverse of `move` with the same u."""
    log_scale, shift = net(u)
    return (v - shift) * log_scale.neg().exp()


class _Move(torch.autograd.Function):
    """`move`, of u, v, and all weights followed by all biases of the networks."""

    @staticmethod
    def forward(ctx: Any, n_nets: int, u: Tensor, v: Tensor, *parameters: Tensor) -> tuple[Tensor, Tensor]:
        flat = [parameter.flatten(0, 1) for parameter in parameters]
        weights, biases = flat[: len(flat) // 2], flat[len(flat) // 2 :]
        inputs = [_for_each_net(u, n_nets)]
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            hidden = torch.baddbmm(bias, inputs[-1], weight)
            inputs.append(torch.ops.aten.leaky_relu_(hidden, SLOPE))
        log_scale, shift = _split(torch.baddbmm(biases[-1], inputs[-1], weights[-1]), n_nets)
        log_scale.tanh_()
        scale = log_scale.exp()
        ctx.save_for_backward(v, log_scale, scale, *inputs, *weights)
        ctx.parameters, ctx.n_nets, ctx.n_layers = parameters, n_nets, len(weights)
        return torch.addcmul(shift, v, scale), log_scale.sum(-1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor, grad_log_det: Tensor) -> Gradients:
        v, log_scale, scale, *saved = ctx.saved_tensors
        inputs, weights = saved[: ctx.n_layers], saved[ctx.n_layers :]
        flowing = inputs[0].new_empty((*inputs[0].shape[:2], weights[-1].shape[-1]))
        grad_log_scale, grad_shift = _split(flowing, ctx.n_nets)
        grad_v = grad * scale
        grad_scaled = torch.addcmul(grad_log_det[..., None], grad_v, v)
        torch.ops.aten.tanh_backward.grad_input(grad_scaled, log_scale, grad_input=grad_log_scale)
        grad_shift.copy_(grad)
        places = [take_place(parameter) for parameter in ctx.parameters]
        for i in reversed(range(ctx.n_layers)):
            torch.sum(flowing, 1, keepdim=True, out=places[ctx.n_layers + i].flatten(0, 1))
            torch.bmm(inputs[i].mT, flowing, out=places[i].flatten(0, 1))
            flowing = torch.bmm(flowing, weights[i].mT)
            if i:
                torch.ops.aten.leaky_relu_backward.grad_input(
                    flowing, inputs[i], SLOPE, True, grad_input=flowing
                )
        grad_u = flowing.unflatten(0, (-1, ctx.n_nets)).sum(1) if ctx.n_nets > 1 else flowing
        return (None, grad_u, grad_v, *places)


def _for_each_net(u: Tensor, n_nets: int) -> Tensor:
    """(K, n, n_in) to (K · n_nets, n, n_in)."""
    return u if n_nets == 1 else u[:, None].expand(-1, n_nets, -1, -1).flatten(0, 1)


def _split(joint: Tensor, n_nets: int) -> tuple[Tensor, Tensor]:
    """Views of the log-scale and the shift, (K, n, n_out), in what the last layer gave."""
    if n_nets == 1:
        first, second = joint.chunk(2, -1)
    else:
        first, second = joint.unflatten(0, (-1, 2)).unbind(1)
    return first, second
