"""What a module returns: one tensor, or several things of which the first is its activation."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from torch import Tensor


def main_part(output: Any) -> Any:
    """The activation in a module's output: itself, or the first entry of a tuple, a list or a mapping.

    Blocks of transformers return (hidden states, weights, …), attention (result, weights), recurrent
    modules (result, state): the first entry is what later modules go on with.
    """
    if isinstance(output, (tuple, list)) and output:
        return output[0]
    if isinstance(output, Mapping) and output:
        return next(iter(output.values()))
    return output


def with_main_part(output: Any, tensor: Tensor) -> Any:
    """The same output with another activation; what is beside it is as it was.

    Args:
        output: of a module, not changed itself.
        tensor: instead of ``main_part(output)``.
    """
    if isinstance(output, list):
        return [tensor, *output[1:]]
    if isinstance(output, tuple):
        kind: Any = type(output)
        entries = (tensor, *output[1:])
        # A named tuple takes its entries one by one, others together.
        return kind._make(entries) if hasattr(kind, "_make") else kind(entries)
    if isinstance(output, Mapping):
        made: Any = copy.copy(output)
        made[next(iter(output))] = tensor
        return made
    return tensor
