"""Readings of a module that one forward pass calls more than once: one of the calls, or all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor, nn

from iin_core.errors import InputError, ModelError
from iin_core.reading_inputs import bind

if TYPE_CHECKING:
    from iin_core.readings import Reading

Call = int | Literal["all"]


@dataclass(frozen=True)
class AtCall:
    """A reading at one call of a module, counted from 0, or at all of them, each of which gives rows.

    With `all`, rows are ordered by the rows of one call, and for each of these by call.

    Attributes:
        reading: of each call's activation.
        call: which.
        n_calls: of `all`, how many there are; changes of rows can be put back only where it is known.
    """

    reading: Reading
    call: Call
    n_calls: int | None = None

    @property
    def name(self) -> str:
        """The reading's name and which call."""
        return f"{self.reading.name}, {'every call' if self.call == 'all' else f'call {self.call}'}"

    @property
    def lossless(self) -> bool:
        """Whether the rows determine the activation of that call."""
        return self.reading.lossless

    @property
    def editable(self) -> bool:
        """As the reading; of all calls only where their number is known."""
        return self.reading.editable and (self.call != "all" or self.n_calls is not None)

    @property
    def anywhere(self) -> AtCall:
        """The same where no data is at hand."""
        return replace(self, reading=getattr(self.reading, "anywhere", self.reading))

    def bound(self, inputs: Mapping[str, Any]) -> AtCall:
        """With what the reading sees of a batch."""
        return replace(self, reading=bind(self.reading, inputs))

    def rows(self, activation: Tensor) -> Tensor:
        """The rows of one call."""
        return self.reading.rows(activation)

    def add(self, activation: Tensor, delta_rows: Tensor) -> Tensor:
        """Change the activation of one call.

        Raises:
            InputError: of all calls, whose number is not known.
        """
        if self.call == "all" and self.n_calls is None:
            raise InputError(
                f"The reading {self.name!r} cannot put an edit back: the number of calls is not known.",
                fix="read one call: {call: 0}",
            )
        return self.reading.add(activation, delta_rows)


def call_of(reading: Any) -> Call | None:
    """Which call a reading wants; None: of a module that is called once."""
    found: Call | None = getattr(reading, "call", None)
    return found


def too_few_calls(name: str, module: nn.Module, call: Call, n_calls: int) -> ModelError:
    """Make the error for a call that a forward pass did not come to."""
    times = "once" if n_calls == 1 else f"{n_calls} times"
    return ModelError(
        f"Module {name!r} ({type(module).__name__}) was called {times} in one forward pass; "
        f"there is no call {call}.",
        where=f"layer {name!r}",
        fix=f"calls are counted from 0: name one of 0 to {n_calls - 1}, or `call: all`",
    )


def other_calls(name: str, module: nn.Module, n_calls: int, expected: int) -> ModelError:
    """Make the error for a module that is called another number of times than there are changes for."""
    return ModelError(
        f"Module {name!r} ({type(module).__name__}) was called {n_calls} times in one forward pass; "
        f"there are changes for {expected}.",
        where=f"layer {name!r}",
        fix="give changes of the rows as `capture` reads them: one for each call of each row",
    )
