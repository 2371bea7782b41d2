"""One layer whose activations are edited through an interpreter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from torch import Tensor, nn

from iin_core.blocks import Blocks
from iin_core.errors import InputError, ModelError
from iin_core.hooks import at_layer, called_twice, one_tensor
from iin_core.module_output import main_part, with_main_part
from iin_core.reading_calls import Call, call_of
from iin_core.reading_inputs import bind
from iin_core.readings import Reading, readings_for

RowEdit = Callable[[Tensor], Tensor]
"""Rows ``(n, N)`` to edited rows ``(n, N)``."""


class Editor(Protocol):
    """What re-insertion needs of an interpreter."""

    @property
    def blocks(self) -> Blocks:
        """The factors."""
        ...

    @property
    def n_features(self) -> int:
        """N of the layer."""
        ...

    def swap(self, base: Tensor, source: Tensor, factor: str | Sequence[str]) -> Tensor:
        """The rows `base` with factors of the rows `source`."""
        ...

    def resample(self, z: Tensor, factor: str, seed: int = 0) -> Tensor:
        """The rows with one factor drawn anew."""
        ...

    def edit(self, z: Tensor, factor: str, to: Any) -> Tensor:
        """The rows with one concept set to a value."""
        ...


@dataclass
class EditedLayer:
    """A layer, how it is read, and the edits that its next activations get, in order.

    Attributes:
        unapplied: an edit was added that no pass has applied.
        in_this_pass: the running pass has called the layer.
        n_calls: how often the running pass has.
    """

    name: str
    interpreter: Editor
    reading: Reading
    edits: list[RowEdit] = field(default_factory=list)
    unapplied: bool = False
    in_this_pass: bool = False
    n_calls: int = 0

    @property
    def call(self) -> Call | None:
        """Which call of the module is edited."""
        return call_of(self.reading)

    def bound(self, inputs: Mapping[str, Any]) -> EditedLayer:
        """The same with what its reading sees of a batch; the edits are shared."""
        return replace(self, reading=bind(self.reading, inputs))

    def begin(self) -> None:
        """Begin a pass."""
        self.in_this_pass, self.n_calls = False, 0

    def is_its_call(self) -> bool:
        """Count a call of the module; tell whether it is the one that is edited."""
        self.n_calls += 1
        return self.call is None or self.call == self.n_calls - 1

    def rows(self, activation: Tensor) -> Tensor:
        """Read an activation ``(n, ...)`` as rows ``(n, N)`` on the CPU, where interpreters work.

        Raises:
            InputError: rows that are not as wide as the interpreter.
        """
        rows = self.reading.rows(activation).cpu()
        n_dims = self.interpreter.n_features
        if rows.shape[1] != n_dims:
            widths = readings_for(tuple(activation.shape[1:]))
            fitting = " or ".join(repr(name) for name, width in widths.items() if width == n_dims)
            raise InputError(
                f"Layer {self.name!r} read by {self.reading.name!r} has {rows.shape[1]} features; "
                f"the interpreter explains {n_dims}.",
                fix=f"attach it with the reading {fitting}"
                if fitting
                else "attach the layer that it was fitted on",
            )
        return rows

    def append(self, edit: RowEdit) -> None:
        """Add an edit behind those that are there."""
        self.edits.append(edit)
        self.unapplied = True

    def clear(self) -> None:
        """Forget the edits."""
        self.edits.clear()
        self.unapplied = False

    def append_swap(self, donors: Tensor, factors: Sequence[str]) -> None:
        """Add the edit that gives example i the factors of row i of the donors ``(n, N)``."""

        def swap(rows: Tensor) -> Tensor:
            if len(rows) != len(donors):
                raise InputError(
                    f"There are {len(donors)} donors for {len(rows)} examples.",
                    fix="give swap one source for each example of the pass, or clear() before another pass",
                )
            return self.interpreter.swap(rows, donors, factors)

        self.append(swap)

    def apply(self, module: nn.Module, activation: Any, seen: Mapping[str, Any]) -> Any:
        """Return the module's output with the edited activation in it.

        Args:
            module, activation: of the running pass.
            seen: the inputs of that pass, by name.

        Raises:
            ModelError: a second call in one pass, or an output without an activation.
            InputError: rows, donors or labels that the interpreter cannot take.
        """
        if self.in_this_pass:
            raise called_twice(self.name, module)
        found = main_part(activation)
        n = found.shape[0] if isinstance(found, Tensor) and found.dim() else 0
        tensor = one_tensor(self.name, module, activation, n)
        edited = at_layer(self.name, module, lambda whole: self.bound(seen)._edited(whole), tensor)
        self.unapplied = False
        return with_main_part(activation, edited)

    def refuse_unapplied(self, unapplied: bool, why: str) -> None:
        """Raise ModelError if an edit was not applied."""
        if unapplied:
            raise ModelError(
                f"An edit of layer {self.name!r} was not applied: {why}.",
                where=f"layer {self.name!r}",
                fix="run the model inside the context, on a path that calls the layer, or clear() the edit",
            )

    def _edited(self, activation: Tensor) -> Tensor:
        rows = self.rows(activation)
        edited = rows
        for edit in self.edits:
            edited = edit(edited)
        return self.reading.add(activation, edited - rows)
