"""Dimensions that are known: estimated or given, the residual first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import index

from iin_core.blocks import RESIDUAL, Blocks
from iin_core.errors import InputError

LEAST_RESIDUAL = 2
"""Residual couplings move one half of the residual by the other."""


@dataclass(frozen=True)
class Dimensions:
    """The estimated dimensions of each block, the residual first, and what they rest on.

    Attributes:
        dims: block → dimensions.
        scores: concept → its score; what that is depends on the estimator.
        estimator: its name, or "given".
        curves: concept → the score of each number of dimensions that was looked at.
    """

    dims: dict[str, int]
    scores: dict[str, float]
    estimator: str = "softmax"
    curves: dict[str, dict[int, float]] = field(default_factory=dict)


def check_room(n_concepts: int, n_dims: int) -> None:
    """Refuse more concepts than fit.

    Raises:
        InputError: not every block could have one dimension.
    """
    if n_concepts + 1 > n_dims:
        raise InputError(
            f"{n_concepts} concepts and a residual do not fit into {n_dims} dimensions.",
            fix="study a wider layer or fewer concepts at once",
        )


def fitted(wanted: Mapping[str, int], n_dims: int) -> dict[str, int]:
    """The wanted dimensions of the concepts, all made smaller in proportion where they leave no residual.

    The residual gets what is left, at least two where that is possible.
    """
    check_room(len(wanted), n_dims)
    room = max(n_dims - LEAST_RESIDUAL, len(wanted))
    dims = {name: max(1, dim) for name, dim in wanted.items()}
    total = sum(dims.values())
    if total > room:
        dims = {name: max(1, dim * room // total) for name, dim in dims.items()}
    while sum(dims.values()) > room:
        dims[max(dims, key=lambda name: dims[name])] -= 1
    return {RESIDUAL: n_dims - sum(dims.values()), **dims}


def given_dimensions(given: Mapping[str, int], n_dims: int) -> dict[str, int]:
    """The dimensions that a person gave, with the residual taking the rest of n_dims.

    Raises:
        InputError: nothing is left for the residual, or a number that is not whole.
    """
    given = {name: _whole(name, dim) for name, dim in given.items()}
    residual = n_dims - sum(given.values())
    if residual < 1:
        raise InputError(
            f"The concepts' {sum(given.values())} dimensions leave no residual in {n_dims}.",
            where=", ".join(f"{name}: {dim}" for name, dim in given.items()),
            fix="give the concepts fewer dimensions, or use dimensions: softmax",
        )
    return Blocks({RESIDUAL: residual, **given}).dims


def _whole(name: str, dim: int) -> int:
    try:
        return index(dim)
    except TypeError:
        raise InputError(
            f"The dimensions of {name!r} are {dim!r}, which is no whole number.",
            where="dims",
            fix="give each concept a whole number of dimensions",
        ) from None
