"""f = G∘E at named modules of a model: find them, probe them, read their rows, change them.

Everything here runs the model in evaluation mode and puts each module back into the mode it was in;
hooks are removed whatever happens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn

from iin_core.errors import InputError, ModelError, nearest
from iin_core.hooks import (
    Inputs,
    at_layer,
    call,
    called_twice,
    evaluating,
    hooked,
    n_examples,
    never_called,
    one_tensor,
    owned,
)
from iin_core.layer_probe import LayerProbe, observe, probe
from iin_core.readings import Reading, RowReader

__all__ = [
    "Inputs",
    "LayerProbe",
    "call",
    "capture",
    "module_names",
    "n_examples",
    "observe",
    "probe",
    "refuse_non_finite",
    "run_edited",
]


class _Stop(BaseException):
    """Ends a forward pass early; no ``except Exception`` of the model's own catches it."""


def module_names(model: nn.Module, patterns: Sequence[str]) -> list[str]:
    """Return the names of the modules that match, in the order of ``model.named_modules()``.

    A pattern is a name as `named_modules` gives it, or a glob (``block*``, ``layer?.conv1``).

    Raises:
        ModelError: a pattern that matches no module; the nearest names are shown.
    """
    known = [name for name, _ in model.named_modules() if name]
    aliases = [name for name, _ in model.named_modules(remove_duplicate=False) if name]
    wanted: set[str] = set()
    for pattern in patterns:
        matches = [pattern] if pattern in aliases else [name for name in known if fnmatchcase(name, pattern)]
        if not matches:
            raise ModelError(
                f"The model has no module {pattern!r}.",
                where=f"{type(model).__name__} with {len(known)} named modules",
                fix=f"nearest names: {nearest(pattern, known, n=5)}; `iin layers` lists them all",
            )
        wanted.update(matches)
    return [name for name in aliases if name in wanted]


def capture(model: nn.Module, inputs: Inputs, readings: Mapping[str, RowReader]) -> dict[str, Tensor]:
    """Read the rows ``(n, N)``, float32, of several layers in one forward pass without gradients.

    The pass ends behind the last wanted layer. The rows own their memory: what the model does to an
    activation afterwards, in place, does not reach them. What the model raises is raised unchanged.

    Raises:
        ModelError: a wanted module that is not called, is called twice, or returns no tensor of n rows.
        InputError: a reading that does not fit a layer's activation.
    """
    n = n_examples(inputs)
    rows: dict[str, Tensor] = {}

    def reader(name: str, reading: RowReader) -> Callable[..., None]:
        def read(module: nn.Module, _: Any, activation: Any) -> None:
            if name in rows:
                raise called_twice(name, module)
            tensor = one_tensor(name, module, activation, n)
            rows[name] = owned(at_layer(name, module, reading.rows, tensor), tensor)
            if len(rows) == len(readings):
                raise _Stop

        return read

    hooks = {name: reader(name, reading) for name, reading in readings.items()}
    with torch.no_grad(), evaluating(model), hooked(model, hooks), suppress(_Stop):
        call(model, inputs)
    _refuse_absent(model, readings, rows)
    return {name: rows[name] for name in readings}


def run_edited(model: nn.Module, inputs: Inputs, edits: Mapping[str, tuple[Reading, Tensor]]) -> Any:
    """Run the whole model while the rows of some layers are moved; return the model's output.

    Args:
        model: the network f.
        inputs: n examples.
        edits: layer → (its reading, the change of its rows, ``(n, N)`` float32); none: the plain
            output. There are no gradients here; for those see `iin_core.attached`.

    Raises:
        ModelError: an edit that was not applied, or would be applied twice.
        InputError: changes that do not fit the activation.
    """
    n = n_examples(inputs)
    applied: set[str] = set()

    def editor(name: str, reading: Reading, delta: Tensor) -> Callable[..., Tensor]:
        def edit(module: nn.Module, _: Any, activation: Any) -> Tensor:
            if name in applied:
                raise called_twice(name, module)
            applied.add(name)
            tensor = one_tensor(name, module, activation, n)
            return at_layer(name, module, lambda whole: reading.add(whole, delta), tensor)

        return edit

    hooks = {name: editor(name, reading, delta) for name, (reading, delta) in edits.items()}
    with torch.no_grad(), evaluating(model), hooked(model, hooks):
        output = call(model, inputs)
    _refuse_absent(model, edits, applied)
    return output


def refuse_non_finite(rows: Tensor, layer: str, first_row: int = 0) -> None:
    """Refuse rows ``(n, N)`` that hold NaN or infinity.

    Args:
        rows: a batch of a layer's rows.
        layer: the layer's name.
        first_row: the number of the batch's first row in the table.

    Raises:
        InputError: the text names the layer and the rows.
    """
    bad = (~torch.isfinite(rows).all(1)).nonzero().flatten().tolist()
    if not bad:
        return
    shown = ", ".join(str(first_row + i) for i in bad[:10]) + (", …" if len(bad) > 10 else "")
    raise InputError(
        f"{len(bad)} of {len(rows)} rows of layer {layer!r} are not finite: rows {shown}.",
        where=f"layer {layer!r}, rows {first_row} to {first_row + len(rows) - 1}",
        fix="look at those rows of the data for broken inputs, or run the model in float32 if it overflows",
    )


def _refuse_absent(model: nn.Module, wanted: Mapping[str, Any], done: Mapping[str, Any] | set[str]) -> None:
    for name in wanted:
        if name not in done:
            raise never_called(name, model.get_submodule(name))
