"""Passes through transforms that are recorded, and differentiated without autograd.

A training spends its time here. A pass knows its transform's formula and that of the gradient, and owns
the memory for both, which is kept from update to update: nothing is allocated, and nothing is copied that
can be read where it lies. Autograd, which gives the same, is the oracle in the tests, and differentiates
the transforms that have no pass of their own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from iin_core.transforms.memory import Memory

Gradients = dict[Tensor, Tensor]
"""By parameter."""


class Pass(ABC):
    """One transform on rows at one place in memory.

    Attributes:
        y: what `run` makes of the rows, (K, n, N).
    """

    y: Tensor

    @abstractmethod
    def run(self, log_det: Tensor) -> None:
        """Fill `y` from the rows that the pass was made for, and add to log_det, (K, n)."""

    @abstractmethod
    def bind(self, grad: Tensor, spare: Tensor) -> tuple[Tensor, Tensor]:
        """Say where the gradient by y will lie, (K, n, N), and offer as much memory besides.

        Returns:
            Where `run_back` leaves the gradient by x, and the memory that is free then: the same two.
        """

    @abstractmethod
    def run_back(self, grad_log_det: Tensor, gradients: Gradients) -> None:
        """Turn the gradient by y and log_det, (K, n), into that by x; add those by parameters."""


@runtime_checkable
class HasPass(Protocol):
    """A transform with a gradient written by hand."""

    def record(self, x: Tensor, memory: Memory) -> Pass:
        """Make the pass for rows at x, (K, n, N)."""
        ...


def record(transform: nn.Module, x: Tensor, memory: Memory) -> Pass:
    """The transform's own pass, or one that autograd differentiates."""
    return (
        transform.record(x, memory) if isinstance(transform, HasPass) else AutogradPass(transform, x, memory)
    )


class AutogradPass(Pass):
    """A transform that knows no gradient of its own."""

    def __init__(self, transform: nn.Module, x: Tensor, memory: Memory) -> None:
        self._transform, self._x, self.y = transform, x, memory.take(*x.shape)
        self._graph: tuple[Tensor, list[Tensor]] | None = None

    def run(self, log_det: Tensor) -> None:
        """See `Pass`."""
        with torch.enable_grad():
            x = self._x.detach().clone().requires_grad_()
            y, own_log_det = self._transform(x)
        self.y.copy_(y.detach())
        log_det.add_(own_log_det.detach())
        self._graph = x, [y, own_log_det]

    def bind(self, grad: Tensor, spare: Tensor) -> tuple[Tensor, Tensor]:
        """See `Pass`."""
        self._grad = grad
        return grad, spare

    def run_back(self, grad_log_det: Tensor, gradients: Gradients) -> None:
        """See `Pass`."""
        assert self._graph is not None
        x, outputs = self._graph
        parts = zip(outputs, (self._grad, grad_log_det), strict=True)
        used = [(output, grad) for output, grad in parts if output.requires_grad]
        inputs = [x, *self._transform.parameters()]
        grad_x, *found = torch.autograd.grad(
            [output for output, _ in used],
            inputs,
            [grad for _, grad in used],
            retain_graph=True,
            materialize_grads=True,
        )
        self._grad.copy_(grad_x)
        gradients.update(zip(inputs[1:], found, strict=True))
