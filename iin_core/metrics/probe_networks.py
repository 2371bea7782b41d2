"""A stack of two-layer networks in one buffer, with their gradient written out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

HIDDEN = 128


class ProbeNetworks:
    """P networks of two hidden layers of 128 ReLU, and AdamW that moves them all in one call.

    Autograd would walk over each parameter several times and take new memory for everything; a probe is
    so small that this is half of its cost.

    Args:
        width: of the inputs.
        own: width of each network's own input; beyond it the input is 0, and so are its weights.
        class_mask: (P, classes), 0 for classes that exist, else a number that makes them impossible.
        batch: rows of each network in one step.
        seed: of the weights at the start, the same for every network with inputs of one width.
    """

    def __init__(self, width: int, own: Sequence[int], class_mask: Tensor, batch: int, seed: int) -> None:
        n, n_classes = class_mask.shape
        # The last layer is kept the other way round: softmax is fastest over an axis that is not the last.
        shapes = [(width, HIDDEN), (1, HIDDEN), (HIDDEN, HIDDEN), (1, HIDDEN), (n_classes, HIDDEN)]
        self._shapes = [(n, *shape) for shape in (*shapes, (n_classes, 1))]
        self.flat = torch.zeros(sum(math.prod(shape) for shape in self._shapes))
        self.gradient = torch.zeros_like(self.flat)
        self.parameters, self.gradients = self.views(self.flat), self.views(self.gradient)
        self._first, self._second = torch.zeros_like(self.flat), torch.zeros_like(self.flat)
        self._steps = torch.zeros(())
        self._hidden = [torch.empty(n, batch, HIDDEN) for _ in range(4)]
        starts = {fan_in: start(fan_in, n_classes, seed) for fan_in in set(own)}
        for i, fan_in in enumerate(own):
            for parameter, drawn in zip(self.parameters, starts[fan_in], strict=True):
                parameter[i, : len(drawn)] = drawn
        # AdamW takes a share of it away in each step, and leaves it impossible all the same.
        self.parameters[5].add_(class_mask[:, :, None])

    def views(self, flat: Tensor) -> list[Tensor]:
        """Weights and biases of a buffer like `flat`.

        Returns:
            (P, width, 128), (P, 1, 128), (P, 128, 128), (P, 1, 128), (P, classes, 128), (P, classes, 1).
        """
        parts = flat.split([math.prod(shape) for shape in self._shapes])
        return [part.view(shape) for part, shape in zip(parts, self._shapes, strict=True)]

    def differentiate(self, x: Tensor, truth: Tensor, weight: Tensor) -> None:
        """Put the gradient of Σ weight · CE into `gradient`.

        Args:
            x: (P, batch, width).
            truth: (P, classes, batch), 1 for the class of a row, else 0.
            weight: (P, 1, batch) of each row's CE; 0 leaves it out.
        """
        w_1, b_1, w_2, b_2, w_3, b_3 = self.parameters
        to_w_1, to_b_1, to_w_2, to_b_2, to_w_3, to_b_3 = self.gradients
        first, second, to_second, to_first = self._hidden
        torch.baddbmm(b_1, x, w_1, out=first).relu_()
        torch.baddbmm(b_2, first, w_2, out=second).relu_()
        error = torch.baddbmm(b_3, w_3, second.mT).softmax(1).sub_(truth).mul_(weight)
        torch.bmm(error, second, out=to_w_3)
        torch.sum(error, 2, keepdim=True, out=to_b_3)
        torch.bmm(error.mT, w_3, out=to_second)
        _stop_where_zero(to_second, second)
        torch.bmm(first.mT, to_second, out=to_w_2)
        torch.sum(to_second, 1, keepdim=True, out=to_b_2)
        torch.bmm(to_second, w_2.mT, out=to_first)
        _stop_where_zero(to_first, first)
        torch.bmm(x.mT, to_first, out=to_w_1)
        torch.sum(to_first, 1, keepdim=True, out=to_b_1)

    def step(self, learning_rate: float, weight_decay: float) -> None:
        """One step of AdamW along `gradient`."""
        self._steps += 1
        torch._fused_adamw_(
            [self.flat],
            [self.gradient],
            [self._first],
            [self._second],
            [],
            [self._steps],
            lr=learning_rate,
            beta1=0.9,
            beta2=0.999,
            weight_decay=weight_decay,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )


def log_probabilities(parameters: Sequence[Tensor], x: Tensor) -> Tensor:
    """(P, n, width) → (P, classes, n), by networks whose parameters are given as `views` gives them."""
    w_1, b_1, w_2, b_2, w_3, b_3 = parameters
    hidden = torch.baddbmm(b_1, x, w_1).relu_()
    hidden = torch.baddbmm(b_2, hidden, w_2).relu_()
    return torch.baddbmm(b_3, w_3, hidden.mT).log_softmax(1)


def start(width: int, n_classes: int, seed: int) -> list[Tensor]:
    """PyTorch's own start of linear layers, drawn from `seed`, in the form of the stack's parameters."""
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for fan_in, n_out in ((width, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, n_classes)):
        drawn = torch.rand(n_out, fan_in + 1, generator=generator)
        parts += list(((2 * drawn - 1) / math.sqrt(fan_in)).split([fan_in, 1], 1))
    return [part.T for part in parts[:4]] + parts[4:]


def _stop_where_zero(gradient: Tensor, activation: Tensor) -> None:
    """Let no gradient through a ReLU that gave 0."""
    torch.ops.aten.threshold_backward.grad_input(gradient, activation, 0, grad_input=gradient)
