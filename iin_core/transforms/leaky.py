"""A leaky ReLU between couplings, as some public conditional flows have one."""

from __future__ import annotations

import math

from torch import Tensor, nn

PUBLISHED_SLOPE = 0.9


class Leaky(nn.Module):
    """y = x where x ≥ 0, slope · x elsewhere.

    Args:
        slope: above 0.
        counted: whether its log-determinant is counted; the public code leaves it out, so that what it
            calls log|det| is too large by −log(slope) for each negative number.
    """

    def __init__(self, slope: float = PUBLISHED_SLOPE, *, counted: bool = True) -> None:
        super().__init__()
        self.slope, self.counted = slope, counted

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x, (K, n, N), to y, (K, n, N), and log|dy/dx|, (K, n)."""
        negative = x < 0
        log_det = x.new_zeros(x.shape[:2])
        if self.counted:
            log_det = log_det + math.log(self.slope) * negative.sum(-1)
        return x.where(~negative, self.slope * x), log_det

    def inverse(self, y: Tensor) -> Tensor:
        """Map y, (K, n, N), back to x."""
        return y.where(y >= 0, y / self.slope)
