"""Gradient reversal: what a critic descends, the flow ascends."""

from __future__ import annotations

import torch
from torch import Tensor


def reversed_gradient(x: Tensor) -> Tensor:
    """x itself, with the sign of its gradient turned round.

    Source: Ganin and Lempitsky, "Unsupervised domain adaptation by backpropagation" (2015).
    """
    turned: Tensor = _Reversal.apply(x)
    return turned


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:  # type: ignore[no-untyped-def]  # noqa: ANN001
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:  # type: ignore[no-untyped-def]  # noqa: ANN001
        return -grad
