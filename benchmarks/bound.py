"""What an update cannot be faster than on this machine: its matrix products, and a pass of Adam."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor


class Bound:
    """All products of an update of K stacked published networks, on operands of their own, and nothing else.

    As in an update, every layer has its own weights, input and gradient of weights; what flows back
    through the layers is overwritten. Products of s and t, and of all K, are one batch.

    Args:
        widths: of the layers of one scale or translation network.
        n_nets: how many pairs of such networks there are: two for each of the blocks.
        n_rows: rows in an update.
        stack: K.
    """

    def __init__(self, widths: list[int], n_nets: int, n_rows: int, stack: int) -> None:
        layers = list(pairwise(widths)) * n_nets
        sizes = [2 * stack * n_in * n_out for n_in, n_out in layers]
        self.flat = torch.nn.Parameter(0.02 * torch.randn(sum(sizes)))
        self.flat.grad = torch.full_like(self.flat, 1e-3)
        self.optimizer = torch.optim.AdamW([self.flat], lr=1e-4, betas=(0.5, 0.9), fused=True)
        shapes = [(2 * stack, n_in, n_out) for n_in, n_out in layers]
        self.weights = _views(self.flat.detach(), sizes, shapes)
        self.gradients = _views(self.flat.grad, sizes, shapes)
        self.inputs = [torch.randn(2 * stack, n_rows, n_in) for n_in, _ in layers]
        self.flowing = {width: torch.randn(2 * stack, n_rows, width) for width in widths}
        self.flowed = {width: torch.empty(2 * stack, n_rows, width) for width in widths}
        self.last = torch.empty(2 * stack, n_rows, widths[-1])
        self.n_layers = len(widths) - 1

    def forward(self) -> None:
        """The products of an encoding."""
        for i, (x, weight) in enumerate(zip(self.inputs, self.weights, strict=True)):
            ends = (i + 1) % self.n_layers == 0
            torch.bmm(x, weight, out=self.last if ends else self.inputs[i + 1])

    def products(self) -> None:
        """The products of an update."""
        self.forward()
        layers = zip(self.inputs, self.weights, self.gradients, strict=True)
        for x, weight, gradient in reversed(list(layers)):
            _, n_in, n_out = weight.shape
            torch.bmm(x.mT, self.flowing[n_out], out=gradient)
            torch.bmm(self.flowing[n_out], weight.mT, out=self.flowed[n_in])

    def adam(self) -> None:
        """One fused pass of AdamW over all weights in one buffer."""
        self.optimizer.step()


def _views(buffer: Tensor, sizes: list[int], shapes: list[tuple[int, int, int]]) -> list[Tensor]:
    return [part.view(shape) for part, shape in zip(buffer.split(sizes), shapes, strict=True)]
