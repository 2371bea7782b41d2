"""Memory that a pass through a flow keeps from update to update."""

from __future__ import annotations

from math import prod

from torch import Tensor

from iin_core.huge_pages import huge_zeros

_LINE = 16
"""Numbers; 64 bytes of float32."""
_BLOCK = 2**19
_SAME_SETS = 256
"""Rows that are a multiple of so many numbers apart fall into few sets of the cache."""


class Memory:
    """Hands out parts of large blocks, each from a whole cache line on.

    Args:
        like: a tensor of the dtype and on the device that the memory is to have.
    """

    def __init__(self, like: Tensor) -> None:
        self._left = like.new_empty(0)
        self._shared: dict[str, Tensor] = {}

    def take(self, *shape: int) -> Tensor:
        """Zeros of a shape."""
        size = prod(shape)
        whole_lines = -(-size // _LINE) * _LINE
        if whole_lines > len(self._left):
            self._left = huge_zeros((max(whole_lines, _BLOCK),), like=self._left)
        taken, self._left = self._left[:size], self._left[whole_lines:]
        return taken.view(shape)

    def rows(self, n: int, n_rows: int, width: int) -> Tensor:
        """Matrices (n, n_rows, width) that products read fast."""
        return self.take(n, n_rows, apart(width))[..., :width]

    def shared(self, name: str, n: int, n_rows: int, width: int) -> Tensor:
        """The like of `rows`, the same for all who say this name: it stays in the cache."""
        size = n * n_rows * apart(width)
        if name not in self._shared or self._shared[name].numel() < size:
            self._shared[name] = self.take(size)
        return self._shared[name][:size].view(n, n_rows, apart(width))[..., :width]


def apart(width: int) -> int:
    """How far apart rows of this width are best laid."""
    return width if width % _SAME_SETS else width + _LINE
