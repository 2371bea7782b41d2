"""A fixed random permutation of the dimensions, so that each coupling splits them anew."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from iin_core.transforms.memory import Memory
from iin_core.transforms.passes import Gradients, Pass


class Permutation(nn.Module):
    """y_i = x_{forward_index[i]}, another permutation for each IIN of the stack.

    Args:
        n_dims: N.
        generators: one for each IIN of the stack.
    """

    forward_index: Tensor
    inverse_index: Tensor

    def __init__(self, n_dims: int, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        index = torch.stack([torch.randperm(n_dims, generator=generator) for generator in generators])
        self.register_buffer("forward_index", index)
        self.register_buffer("inverse_index", index.argsort(-1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x, (K, n, N), to y, (K, n, N), and a log-determinant of 0, (K, n)."""
        return _take(x, self.forward_index, self.inverse_index), x.new_zeros(x.shape[:2])

    def inverse(self, y: Tensor) -> Tensor:
        """Map y, (K, n, N), back to x."""
        return _take(y, self.inverse_index, self.forward_index)

    def record(self, x: Tensor, memory: Memory) -> Pass:
        """See `HasPass`."""
        return _PermutationPass(self, x, memory)


class _PermutationPass(Pass):
    def __init__(self, permutation: Permutation, x: Tensor, memory: Memory) -> None:
        self._x, self.y = x, memory.take(*x.shape)
        self._forward, self._inverse = (
            index[:, None, :].expand_as(x) for index in (permutation.forward_index, permutation.inverse_index)
        )

    def run(self, log_det: Tensor) -> None:
        torch.gather(self._x, -1, self._forward, out=self.y)

    def bind(self, grad: Tensor, spare: Tensor) -> tuple[Tensor, Tensor]:
        self._grad, self._grad_x = grad, spare
        return spare, grad

    def run_back(self, grad_log_det: Tensor, gradients: Gradients) -> None:
        torch.gather(self._grad, -1, self._inverse, out=self._grad_x)


def _take(x: Tensor, index: Tensor, inverse_index: Tensor) -> Tensor:
    if not x.requires_grad:
        return _gather(x, index)
    taken: Tensor = _Take.apply(x, index, inverse_index)
    return taken


def _gather(x: Tensor, index: Tensor) -> Tensor:
    return x.gather(-1, index[:, None, :].expand_as(x))


class _Take(torch.autograd.Function):
    """A gather whose gradient is a gather too: the scatter that autograd would use adds in no fixed order."""

    @staticmethod
    def forward(ctx, x: Tensor, index: Tensor, inverse_index: Tensor) -> Tensor:  # type: ignore[no-untyped-def]  # noqa: ANN001
        ctx.save_for_backward(index, inverse_index)
        return _gather(x, index)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[no-untyped-def]  # noqa: ANN001
        index, inverse_index = ctx.saved_tensors
        return _take(grad, inverse_index, index), None, None
