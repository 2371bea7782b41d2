"""Memory in huge pages: a pass over a hundred megabytes of weights then misses few address lookups."""

from __future__ import annotations

import mmap
from math import prod

import torch
from torch import Tensor

_PAGE = 2**21
_ADVICE: int | None = getattr(mmap, "MADV_HUGEPAGE", None)


def huge_zeros(shape: tuple[int, ...], *, like: Tensor) -> Tensor:
    """Zeros of the dtype and device of `like`, in huge pages where the system gives them for the asking.

    Only Linux does, on the CPU; elsewhere, and where they would fill less than a page, these are plain zeros.
    """
    n_bytes = prod(shape) * like.element_size()
    if _ADVICE is None or like.device.type != "cpu" or n_bytes < _PAGE:
        return torch.zeros(shape, dtype=like.dtype, device=like.device)
    memory = mmap.mmap(-1, n_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    try:
        memory.madvise(_ADVICE)
    except OSError:
        return torch.zeros(shape, dtype=like.dtype)
    return torch.frombuffer(memory, dtype=like.dtype).view(shape)
