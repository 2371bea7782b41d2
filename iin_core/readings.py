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
from iin_core.reading_calls import AtCall
from iin_core.reading_checks import added, check_activation, check_delta
from iin_core.reading_entries import Entries, Position
from iin_core.reading_tokens import Token
from iin_core.spec import ReadingSpec

__all__ = [
    "READINGS",
    "AtCall",
    "Entries",
    "Flatten",
    "Pool",
    "Position",
    "Reading",
    "RowReader",
    "Token",
    "as_reading",
    "make_reading",
    "n_features",
    "readings_for",
]


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
        check_activation(activation, self.name, activation.dim() >= 2, "(n, N) or more axes")
        return activation.flatten(1).float()

    def add(self, activation: Tensor, delta_rows: Tensor) -> Tensor:
        """Add each feature's change at its own place."""
        check_delta(delta_rows, (len(activation), activation[0].numel()), self)
        return added(activation, delta_rows.reshape(activation.shape))


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
        check_activation(activation, self.name, activation.dim() >= 3, "(n, C, L), (n, C, H, W) or more axes")
        positions = activation.flatten(2).float()
        return positions.mean(2) if self.how == "mean" else positions.amax(2)

    def add(self, activation: Tensor, delta_rows: Tensor) -> Tensor:
        """Add the change of the mean to every position."""
        check_delta(delta_rows, (len(activation), activation.shape[1]), self)
        return added(activation, delta_rows.reshape(*delta_rows.shape, *[1] * (activation.dim() - 2)))


READINGS: dict[str, Callable[..., Reading]] = {
    "flatten": lambda _: Flatten(),
    "pool": Pool,
    "token": Token,
    "position": Position,
}
"""Field of `ReadingSpec` → the reading for its value and the settings that belong to it."""


def make_reading(spec: ReadingSpec) -> Reading:
    """Return the reading that a spec names."""
    settings = spec.model_dump(exclude_none=True, exclude={"call", "condition"})
    ((field, value),) = [(name, settings.pop(name)) for name in READINGS if name in settings]
    reading = READINGS[field](value, **settings)
    return reading if spec.call is None else AtCall(reading, spec.call)


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
        fix='use "flatten", {"pool": "mean" | "max"}, {"token": "cls" | "last" | "mean" | "each"}, '
        '{"token": {"at": column}}, {"position": "each"}, or an object with the members of '
        "iin_core.readings.Reading",
    )


def n_features(reading: Reading, shape: tuple[int, ...]) -> int:
    """Return N, the features that a reading makes of activations of a shape without its batch axis.

    Raises:
        InputError: a shape that this reading cannot read.
    """
    return int(getattr(reading, "anywhere", reading).rows(torch.zeros(1, *shape)).shape[1])


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
