"""What a reading sees of the model's inputs: which tokens are padding, and where a named token stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from iin_core.errors import InputError

R = TypeVar("R")
MASK, NO_MASK = "attention_mask", "none"
"""The input that tells padding where a reading names none, and the name by which it says that none does."""


def bind(reading: R, seen: Any, beside: Mapping[str, Any] | None = None) -> R:
    """The reading for one batch: those that look at inputs have ``bound``, others are as they were.

    Args:
        reading: any reading.
        seen: the model's inputs; only a mapping has names to look at.
        beside: more values with an entry for each example, which the model is not called with.
    """
    bound = getattr(reading, "bound", None)
    if bound is None:
        return reading
    named = dict(seen) if isinstance(seen, Mapping) else {}
    result: R = bound({**named, **(beside or {})})
    return result


def real_tokens(inputs: Mapping[str, Any], name: str | None) -> Tensor | None:
    """Which tokens are not padding, (n, T) bool; None where no input says so.

    Args:
        inputs: of the model, by name.
        name: of the mask; None is `attention_mask` if there is one, "none" no mask.

    Raises:
        InputError: no such input, none of the shape (n, T), or an example without any token.
    """
    found = inputs.get(name or MASK)
    if name == NO_MASK or (found is None and name is None):
        return None
    if found is None:
        raise InputError(
            f"The reading's mask {name!r} is no input of the model.",
            where=f"inputs: {', '.join(map(str, inputs)) or 'one tensor without a name'}",
            fix="name the input that is 0 at padding, or leave `mask` out where there is none",
        )
    mask = torch.as_tensor(found)
    if mask.dim() != 2:
        raise InputError(
            f"The mask {name or MASK!r} has shape {tuple(mask.shape)}; a reading needs (n, tokens).",
            fix="name another input as the reading's `mask`",
        )
    real = mask != 0
    empty = (~real.any(1)).nonzero().flatten().tolist()
    if empty:
        raise InputError(
            f"Examples {_shown(empty)} have no token that is not padding.",
            fix="drop these examples, or correct their mask",
        )
    return real


def spans(inputs: Mapping[str, Any], names: Sequence[str], counts: Tensor | None) -> Tensor:
    """The token or span of each example, (n, 2): its first token and the one behind its last.

    Args:
        inputs: of the model, and what is named beside them.
        names: of one entry that holds indices (n,) or spans (n, 2), or of two, where spans begin and end.
        counts: (n,) tokens of each example without padding; None leaves the end unchecked.

    Raises:
        InputError: no such entry, or a span outside its sentence.
    """
    columns = [_whole(inputs, name) for name in names]
    first = columns[0]
    if len(columns) == 2:
        span = torch.stack([first, columns[1]], 1)
    else:
        span = first if first.dim() == 2 else torch.stack([first, first + 1], 1)
    if span.dim() != 2 or span.shape[1] != 2:
        raise InputError(
            f"{names[0]!r} has shape {tuple(first.shape)}; a token is (n,), a span (n, 2).",
            fix="give each example an index, or where its span begins and ends",
        )
    refuse_outside(span, counts, names)
    return span


def refuse_outside(span: Tensor, counts: Tensor | None, names: Sequence[str]) -> None:
    """Refuse a span (n, 2) that is empty or outside its sentence of `counts` (n,) tokens.

    Raises:
        InputError: the text names the first such example.
    """
    bad = (span[:, 0] < 0) | (span[:, 1] <= span[:, 0])
    if counts is not None:
        bad |= span[:, 1] > counts.to(span.device)
    rows = bad.nonzero().flatten().tolist()
    if not rows:
        return
    first, stop = span[rows[0]].tolist()
    said = f"token {first}" if stop == first + 1 else f"token span {first}:{stop}"
    size = "" if counts is None else f" of {int(counts[rows[0]])} tokens"
    raise InputError(
        f"The {said} of example {rows[0]} lies outside its sentence{size}.",
        where=f"{' and '.join(map(repr, names))}, {len(rows)} of {len(span)} examples: {_shown(rows)}",
        fix="count tokens from 0, special tokens too, without padding; the end is the one behind the last",
    )


def _whole(inputs: Mapping[str, Any], name: str) -> Tensor:
    if name not in inputs:
        raise InputError(
            f"Nothing is called {name!r} that could say where the token stands.",
            where=f"there are {', '.join(map(str, inputs)) or 'no names'}",
            fix="name a column of the data's table or an input of the model",
        )
    value = inputs[name]
    try:
        numbers = value if isinstance(value, Tensor) else torch.as_tensor(np.asarray(value, np.float64))
        whole = numbers.double().nan_to_num(nan=0.5)
    except (TypeError, ValueError) as error:
        raise _no_index(name) from error
    bad = torch.atleast_1d(whole != whole.round())
    if bool(bad.any()):
        rows = bad.reshape(len(bad), -1).any(1).nonzero().flatten().tolist()
        raise _no_index(name, f", {len(rows)} of {len(bad)} examples: {_shown(rows)}")
    return whole.long()


def _no_index(name: str, which: str = "") -> InputError:
    return InputError(
        f"{name!r} holds something else than whole numbers, so it names no token.",
        where=f"{name!r}{which}",
        fix="give every example the index of its token, counted from 0, special tokens too",
    )


def _shown(rows: list[int]) -> str:
    return ", ".join(map(str, rows[:5])) + (" and more" if len(rows) > 5 else "")
