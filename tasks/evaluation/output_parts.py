"""The parts of what a model returns: a tensor, a mapping, or a tuple of such."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from iin_core.errors import ModelError

Part = str | int
"""A key of a mapping, or a place in a tuple."""


def parts_of(output: Any) -> dict[Part, Any] | None:
    """The parts of a mapping by key, of a tuple by place; None of what is one thing."""
    if isinstance(output, Mapping):
        return dict(output)
    return dict(enumerate(output)) if isinstance(output, (tuple, list)) else None


def output_part(output: Any, part: Part | None, whose: str, fix: str) -> Tensor:
    """One tensor of a model's output.

    Args:
        output: what the model returned.
        part: which, where it has parts; None stands for the only tensor among them.
        whose: who wants it, for errors.
        fix: what a person can write.

    Raises:
        ModelError: no such part, several where none is named, or no tensor.
    """
    found = parts_of(output)
    if found is None:
        return _tensor(output, whose, fix)
    if part is not None:
        if part not in found:
            raise ModelError(
                f"The model's output has no part {part!r} for {whose}.", where=_shown(found), fix=fix
            )
        return _tensor(found[part], whose, fix)
    tensors = [value for value in found.values() if isinstance(value, Tensor)]
    if len(tensors) != 1:
        raise ModelError(
            f"The model returns a {type(output).__name__} of {len(found)}, and {whose} names none of its "
            "parts.",
            where=_shown(found),
            fix=fix,
        )
    return tensors[0]


def _tensor(value: Any, whose: str, fix: str) -> Tensor:
    if isinstance(value, Tensor):
        return value
    raise ModelError(f"What {whose} gets is a {type(value).__name__}, not a tensor.", where="output", fix=fix)


def _shown(found: Mapping[Part, Any]) -> str:
    kinds = (
        f"{key} {tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__}"
        for key, value in found.items()
    )
    return f"its parts: {', '.join(kinds)}"
