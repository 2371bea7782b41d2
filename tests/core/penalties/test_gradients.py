"""Gradients of penalties that are written by hand are those of autograd and of finite differences."""

from __future__ import annotations

import torch

from iin_core.penalties.perceptrons import Perceptrons
from iin_core.penalties.view import PenaltyView
from iin_core.sampling import Batch


def rows(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def plain(critics: Perceptrons, x: torch.Tensor) -> torch.Tensor:
    """The formula, for autograd."""
    last = len(critics.weights) - 1
    for i, (weight, bias) in enumerate(zip(critics.weights, critics.biases, strict=True)):
        x = x @ weight + bias
        x = x.relu() if i < last else x
    return x


def test_critics_have_the_gradient_of_autograd() -> None:
    """Outputs and gradients by rows, weights and biases, also when they are used twice in one graph."""
    critics = Perceptrons((5, 8, 7, 3), 3, [0, 1]).double()
    x = rows(2, 3, 9, 5).requires_grad_()
    found = []
    for run in (critics, lambda x: plain(critics, x)):
        loss = run(x).sin().sum() + (run(2 * x) * rows(2, 3, 9, 3, seed=1)).sum()
        found.append([loss, *torch.autograd.grad(loss, [x, *critics.parameters()])])
    for own, other in zip(*found, strict=True):
        torch.testing.assert_close(own, other)


def test_standardised_codes_have_the_gradient_of_finite_differences() -> None:
    """Mean 0 and deviation 1 over the rows of each IIN, and the gradient of just that."""
    batch = Batch(*(torch.zeros(2, 7, 1) for _ in range(3)))

    def standardised(z: torch.Tensor) -> torch.Tensor:
        return PenaltyView(z, batch, 1.0).standardised()

    z = (3 + 2 * rows(2, 7, 4)).requires_grad_()
    y = standardised(z)
    torch.testing.assert_close(y.mean(1), torch.zeros(2, 4).double())
    torch.testing.assert_close(y.std(1, correction=0), torch.ones(2, 4).double(), rtol=1e-5, atol=0)
    assert torch.autograd.gradcheck(standardised, z)
