"""What an update cannot be faster than on this machine: its matrix products, and a pass of Adam.

So that it is a bound, and one that can be reached:
- The products are those of forward and backward, in this order and with these transposes: each layer's
  output, the gradient of its weights, and what flows back to its input, the first layer's too.
- Operands are as warm as in an update. Weights, gradients of weights and inputs of all layers lie in
  memory of their own (hundreds of megabytes, so that they come from far), what a product makes is read
  by the next one; what flows back is overwritten from layer to layer, and stays in the cache.
- All of it lies in huge pages, as ours does: else Adam's pass takes a seventh longer, and ours would be
  held against less than is possible.
- Biases, activations, scales, the loss and what torch takes to call a product are not in it.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from iin_core.huge_pages import huge_zeros


class Bound:
    """All products of an update of K stacked published networks, on operands of their own, and nothing else.

    Products of s and t, and of all K, are one batch.

    Args:
        widths: of the layers of one scale or translation network.
        n_nets: how many pairs of such networks there are: two for each of the blocks.
        n_rows: rows in an update.
        stack: K.
    """

    def __init__(self, widths: list[int], n_nets: int, n_rows: int, stack: int) -> None:
        layers = list(pairwise(widths)) * n_nets
        sizes = [2 * stack * n_in * n_out for n_in, n_out in layers]
        self.flat = torch.nn.Parameter(_filled(0.02, sum(sizes)))
        self.flat.grad = _filled(1e-3, sum(sizes))
        self.optimizer = torch.optim.AdamW([self.flat], lr=1e-4, betas=(0.5, 0.9), fused=True)
        shapes = [(2 * stack, n_in, n_out) for n_in, n_out in layers]
        self.weights = _views(self.flat.detach(), sizes, shapes)
        self.gradients = _views(self.flat.grad, sizes, shapes)
        self.inputs = [_filled(1.0, 2 * stack, n_rows, n_in) for n_in, _ in layers]
        self.last, self.coming = (_filled(1.0, 2 * stack, n_rows, widths[-1]) for _ in range(2))
        below = [{width: _filled(1.0, 2 * stack, n_rows, width) for width in widths} for _ in range(2)]
        self.flowing = [below[i % 2][n_in] for i, (n_in, _) in enumerate(layers)]
        self.n_layers = len(widths) - 1
        self._use_huge_pages()

    def forward(self) -> None:
        """The products of an encoding."""
        for i, (x, weight) in enumerate(zip(self.inputs, self.weights, strict=True)):
            ends = (i + 1) % self.n_layers == 0
            torch.bmm(x, weight, out=self.last if ends else self.inputs[i + 1])

    def products(self) -> None:
        """The products of an update."""
        self.forward()
        for i in reversed(range(len(self.weights))):
            ends = (i + 1) % self.n_layers == 0
            flowing = self.coming if ends else self.flowing[i + 1]
            torch.bmm(self.inputs[i].mT, flowing, out=self.gradients[i])
            torch.bmm(flowing, self.weights[i].mT, out=self.flowing[i])

    def adam(self) -> None:
        """One fused pass of AdamW over all weights in one buffer."""
        self.optimizer.step()

    def _use_huge_pages(self) -> None:
        """Move the moments, which the first pass makes."""
        self.optimizer.step()
        state = self.optimizer.state[self.flat]
        for name in ("exp_avg", "exp_avg_sq"):
            state[name] = huge_zeros(state[name].shape, like=state[name]).copy_(state[name])


def _views(buffer: Tensor, sizes: list[int], shapes: list[tuple[int, int, int]]) -> list[Tensor]:
    return [part.view(shape) for part, shape in zip(buffer.split(sizes), shapes, strict=True)]


def _filled(deviation: float, *shape: int) -> Tensor:
    return huge_zeros(shape, like=torch.empty(0)).normal_(0, deviation)
