"""Readings: how an activation becomes rows, and how a change of the rows returns into it.

A reading is any object with the members of `Reading`; the built-in ones are in one table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from iin_core.errors import InputError
from iin_core.spec import ReadingSpec


class RowReader(Protocol):
    """What extraction needs of a reading."""

    def rows(self, activation: Tensor) -> Tensor:
        """Read an activation ``(n, ...)`` as float32 rows ``(n, N)``.

        Raises:
            InputError: an activation of a shape or dtype that this reading cannot read.
        """
        ...


@runtime_checkable
class Reading(RowReader, Protocol):
    """What extraction and re-insertion need of a reading."""

    @property
    def name(self) -> str:
        """A short name for tables."""
        ...

    @property
    def lossless(self) -> bool:
        """Whether the rows determine the activation."""
        ...

    @property
    def editable(self) -> bool:
        """Whether a change of the rows can be put back into the activation."""
        ...

    def add(self, activation: Tensor, delta_rows: Tensor) -> Tensor:
        """Return the activation ``(n, ...)`` changed so that its rows move by `delta_rows` ``(n, N)``.

        Shape and dtype stay; a change of zero leaves every bit as it was.

        Raises:
            InputError: shapes that do not fit, or a reading that is not editable.
        """
        ...


@dataclass(frozen=True)
class Flatten:
    """Every number of the activation is a feature: exact both ways."""

    name: str = "flatten"
    lossless: bool = True
    editable: bool = True

    def rows(self, activation: Tensor) -> Tensor:
        """Read ``(n, ...)`` as ``(n, N)`` with N the product of all axes but the first."""
        _check_activation(activation, self.name, activation.dim() >= 2, "(n, N) or more axes")
        return activation.flatten(1).float()

    def add(self, activation: Tensor, delta_rows: Tensor) -> Tensor:
        """Add each feature's change at its own place."""
        _check_delta(activation, delta_rows, self)
        return _add(activation, delta_rows.reshape(activation.shape))


@dataclass(frozen=True)
class Pool:
    """One feature a channel: the mean or the maximum over all axes behind the second.

    The change of a mean is added at every position; a maximum cannot be put back.
    """

    how: Literal["mean", "max"]
    lossless: bool = False

    @property
    def name(self) -> str:
        """``pool: mean`` or ``pool: max``."""
        return f"pool: {self.how}"

    @property
    def editable(self) -> bool:
        """True for the mean."""
        return self.how == "mean"

    def rows(self, activation: Tensor) -> Tensor:
        """Read ``(n, C, ...)``, such as ``(n, C, H, W)`` or ``(n, C, L)``, as ``(n, C)``."""
        _check_activation(
            activation, self.name, activation.dim() >= 3, "(n, C, L), (n, C, H, W) or more axes"
        )
        positions = activation.flatten(2).float()
        return positions.mean(2) if self.how == "mean" else positions.amax(2)

    def add(self, activation: Tensor, delta_rows: Tensor) -> Tensor:
        """Add the change of the mean to every position."""
        _check_delta(activation, delta_rows, self)
        return _add(activation, delta_rows.reshape(*delta_rows.shape, *[1] * (activation.dim() - 2)))


@dataclass(frozen=True)
class Token:
    """One token of a sequence ``(n, T, D)``: the first (cls), the last, or the mean of all."""

    which: Literal["cls", "last", "mean"]
    lossless: bool = False
    editable: bool = True

    @property
    def name(self) -> str:
        """``token: cls``, ``token: last`` or ``token: mean``."""
        return f"token: {self.which}"

    def rows(self, activation: Tensor) -> Tensor:
        """Read ``(n, T, D)`` as ``(n, D)``."""
        _check_activation(activation, self.name, activation.dim() == 3, "(n, tokens, D)")
        if self.which == "mean":
            return activation.float().mean(1)
        return activation[:, self._position].float()

    def add(self, activation: Tensor, delta_rows: Tensor) -> Tensor:
        """Change the token that is read and no other; for the mean, all of them alike."""
        _check_delta(activation, delta_rows, self)
        if self.which == "mean":
            return _add(activation, delta_rows[:, None])
        token = _add(activation[:, self._position], delta_rows)[:, None]
        parts = (token, activation[:, 1:]) if self.which == "cls" else (activation[:, :-1], token)
        return torch.cat(parts, 1)

    @property
    def _position(self) -> int:
        return 0 if self.which == "cls" else -1


READINGS: dict[str, Callable[[Any], Reading]] = {
    "flatten": lambda _: Flatten(),
    "pool": Pool,
    "token": Token,
}
"""Field of `ReadingSpec` → the reading for its value."""


def make_reading(spec: ReadingSpec) -> Reading:
    """Return the reading that a spec names."""
    ((field, value),) = spec.model_dump(exclude_none=True).items()
    return READINGS[field](value)


def as_reading(value: Reading | ReadingSpec | Mapping[str, Any] | str | None) -> Reading:
    """Return a reading for whatever a person writes: ``None`` and ``"flatten"`` are the exact one.

    Raises:
        InputError: not a reading; the text shows what is.
    """
    if value is None or value == "flatten":
        return Flatten()
    if isinstance(value, ReadingSpec):
        return make_reading(value)
    if isinstance(value, Mapping):
        try:
            return make_reading(ReadingSpec(**value))
        except (TypeError, ValueError) as error:
            raise _no_reading(value) from error
    if isinstance(value, Reading):
        return value
    raise _no_reading(value)


def _no_reading(value: object) -> InputError:
    return InputError(
        f"{value!r} is not a reading.",
        fix='use "flatten", {"pool": "mean" | "max"}, {"token": "cls" | "last" | "mean"}, or an object '
        "with the members of iin_core.readings.Reading",
    )


def n_features(reading: Reading, shape: tuple[int, ...]) -> int:
    """Return N, the features that a reading makes of activations of a shape without its batch axis.

    Raises:
        InputError: a shape that this reading cannot read.
    """
    return int(reading.rows(torch.zeros(1, *shape)).shape[1])


def readings_for(shape: tuple[int, ...]) -> dict[str, int]:
    """Name the built-in readings that can read activations of a shape ``(...)``, each with its N."""
    readable = {}
    for reading in _BUILT_IN:
        try:
            readable[reading.name] = n_features(reading, shape)
        except InputError:
            continue
    return readable


_POOLS, _TOKENS = (Pool("mean"), Pool("max")), (Token("cls"), Token("last"), Token("mean"))
_BUILT_IN: tuple[Reading, ...] = (Flatten(), *_POOLS, *_TOKENS)
_FITTING = {
    2: "use flatten",
    3: "use flatten, pool: mean, pool: max or one of token: cls, last, mean",
    4: "use flatten, pool: mean or pool: max",
}


def _add(activation: Tensor, delta: Tensor) -> Tensor:
    # −0.0 is the only number whose addition leaves every bit, the sign of zero too; −(−δ + 0) turns
    # both zeros into it, changes nothing else, and keeps the gradient.
    delta = delta.to(activation.device).neg().add(0.0).neg()
    wide = torch.promote_types(activation.dtype, torch.float32)
    return (activation.to(wide) + delta.to(wide)).to(activation.dtype)


def _check_activation(activation: Tensor, name: str, fits: bool, expected: str) -> None:
    if not activation.is_floating_point():
        raise InputError(
            f"The reading {name!r} cannot read an activation of {activation.dtype}.",
            fix="name a layer whose activation is of floating point",
        )
    if not fits:
        raise InputError(
            f"The reading {name!r} cannot read an activation of shape {tuple(activation.shape)}; "
            f"it reads {expected}.",
            fix=_FITTING.get(
                min(activation.dim(), 4), "name a layer whose activation has a row for each example"
            ),
        )


def _check_delta(activation: Tensor, delta_rows: Tensor, reading: Reading) -> None:
    if not reading.editable:
        raise InputError(
            f"The reading {reading.name!r} cannot put an edit back: not applicable, lossy.",
            fix="read the layer by flatten, pool: mean or token",
        )
    expected = (activation.shape[0], reading.rows(activation[:1]).shape[1])
    if tuple(delta_rows.shape) != expected:
        raise InputError(
            f"The change of rows has shape {tuple(delta_rows.shape)}, the activation's rows {expected}.",
            fix="make one row of change for each example, by the same reading",
        )
