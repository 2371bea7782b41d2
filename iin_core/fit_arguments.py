"""The arguments of `fit` that are of the wrong kind, refused in words before Python trips over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import index
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from iin_core.errors import InputError
from iin_core.pairs import Pairs
from iin_core.spec import FlowSpec, TrainingSpec

_Settings = TypeVar("_Settings", FlowSpec, TrainingSpec)
_LARGEST, _SMALLEST = 1e15, 1e-15
"""Beyond these, variances of rows leave the range of single precision."""


def settings(given: _Settings | Literal["published"] | None, kind: type[_Settings]) -> _Settings:
    """The settings given, those of the paper for "published", the defaults for None.

    Raises:
        InputError: anything else.
    """
    if given is None:
        return kind()
    if isinstance(given, kind):
        return given
    if given == "published":
        return kind.published()
    raise InputError(
        f"{given!r} are no settings.",
        where="training" if kind is TrainingSpec else "flow",
        fix=f'give a {kind.__name__}, "published" for those of the paper, or nothing for the defaults',
    )


def whole_seed(seed: int) -> int:
    """The seed as a plain whole number.

    Raises:
        InputError: it is none, or negative.
    """
    try:
        whole = index(seed)
    except TypeError:
        whole = -1
    if whole < 0:
        raise InputError(
            f"A seed of {seed!r} starts nothing.", where="seed", fix="give a whole number from 0 on"
        )
    return whole


def named_columns(concepts: Mapping[str, ArrayLike] | None) -> Mapping[str, ArrayLike]:
    """The concepts by their names, none for None.

    Raises:
        InputError: not a mapping, or names that are not text.
    """
    if concepts is None:
        return {}
    if not isinstance(concepts, Mapping):
        raise InputError(
            f"The concepts are a {type(concepts).__name__} without a name.",
            where="concepts",
            fix='name each one: {"digit": digit}',
        )
    for name in concepts:
        if not isinstance(name, str):
            raise InputError(
                f"A concept is called {name!r}, which is no text.",
                where="concepts",
                fix="name it by a string",
            )
    return concepts


def pair_tables(pairs: Sequence[Pairs]) -> tuple[Pairs, ...]:
    """The tables of pairs.

    Raises:
        InputError: something else than a list of them.
    """
    tables = pairs if isinstance(pairs, Sequence) else [pairs]
    if tables is not pairs or not all(isinstance(table, Pairs) for table in tables):
        raise InputError(
            "Tables of pairs come as a list of `Pairs`.",
            where="pairs",
            fix='pairs=[Pairs(a, b, shares="digit")], with a and b the row indices',
        )
    return tuple(tables)


def numbers_of(z: ArrayLike | Tensor) -> Tensor:
    """The rows as float32 on the CPU, whatever holds them.

    Raises:
        InputError: they are not real numbers.
    """
    if isinstance(z, Tensor):
        kind = "complex" if z.is_complex() else ""
        rows = z.detach().cpu()
    else:
        array: np.ndarray[Any, Any] = np.asarray(z)
        kind = "" if array.dtype.kind in "fiub" else str(array.dtype)
        if not kind:
            with np.errstate(over="ignore"):
                rows = torch.from_numpy(np.require(array, np.float32, ["C", "W"]))
    if kind:
        raise InputError(
            f"z holds {kind} values; it should hold real numbers.",
            where="z",
            fix="give a tensor or an array of floating-point numbers, (n, N)",
        )
    return rows.float()


def check_scale(z: Tensor) -> None:
    """See that finite rows, (n, N), lie within single precision with their squares.

    Raises:
        InputError: their largest value is beyond it, or all are next to 0 without being 0.
    """
    largest = float(z.abs().max())
    if largest > _LARGEST or 0 < largest < _SMALLEST:
        raise InputError(
            f"The largest value of z is {largest:.0e}, which single precision cannot square.",
            where="z",
            fix="scale z so that its features are of the order of 1",
        )
