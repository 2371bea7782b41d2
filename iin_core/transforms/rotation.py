"""A fixed turn of the basis, so that each coupling splits the space anew."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from iin_core.transforms.memory import Memory
from iin_core.transforms.passes import Gradients, Pass


class Rotation(nn.Module):
    """y = x · Q with an orthonormal Q of each IIN; not trained.

    Args:
        matrix: Q, (K, N, N).
    """

    matrix: Tensor

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        self.register_buffer("matrix", matrix)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x, (K, n, N), to y, (K, n, N), and a log-determinant of 0, (K, n)."""
        return x @ self.matrix, x.new_zeros(x.shape[:2])

    def inverse(self, y: Tensor) -> Tensor:
        """Map y, (K, n, N), back to x."""
        return y @ self.matrix.mT

    def record(self, x: Tensor, memory: Memory) -> Pass:
        """See `HasPass`."""
        return _RotationPass(self.matrix, x, memory)


class _RotationPass(Pass):
    def __init__(self, matrix: Tensor, x: Tensor, memory: Memory) -> None:
        self._matrix, self._back, self._x, self.y = matrix, matrix.mT, x, memory.take(*x.shape)

    def run(self, log_det: Tensor) -> None:
        torch.bmm(self._x, self._matrix, out=self.y)

    def bind(self, grad: Tensor, spare: Tensor) -> tuple[Tensor, Tensor]:
        self._grad, self._grad_x = grad, spare
        return spare, grad

    def run_back(self, grad_log_det: Tensor, gradients: Gradients) -> None:
        torch.bmm(self._grad, self._back, out=self._grad_x)


def random_basis(n_dims: int, generator: torch.Generator) -> Tensor:
    """Draw an orthonormal (N, N) uniformly, in float64."""
    normal = torch.randn(n_dims, n_dims, generator=generator, dtype=torch.float64)
    basis, upper = torch.linalg.qr(normal)
    turned: Tensor = basis * upper.diagonal().sign()
    return turned
