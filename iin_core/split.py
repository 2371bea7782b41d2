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
from iin_core.module_output import with_main_part
from iin_core.reading_calls import AtCall, Call, call_of, other_calls, too_few_calls
from iin_core.reading_inputs import bind
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


def capture(
    model: nn.Module,
    inputs: Inputs,
    readings: Mapping[str, RowReader],
    beside: Mapping[str, Any] | None = None,
) -> dict[str, Tensor]:
    """Read the rows, float32, of several layers in one forward pass without gradients.

    The pass ends behind the last wanted layer. The rows own their memory: what the model does to an
    activation afterwards, in place, does not reach them. What the model raises is raised unchanged.

    Args:
        model: the network f.
        inputs: n examples.
        readings: layer → its reading. Most give ``(n, N)``; see `iin_core.reading_entries` and
            `iin_core.reading_calls` for those that give several rows an example.
        beside: what readings look at beside the inputs, such as the column of `token: {at: column}`.

    Raises:
        ModelError: a wanted module that is not called, is called twice, or returns no tensor of n rows.
        InputError: a reading that does not fit a layer's activation or the inputs.
    """
    n = n_examples(inputs)
    bound = {name: bind(reading, inputs, beside) for name, reading in readings.items()}
    rows: dict[str, list[Tensor]] = {name: [] for name in readings}
    n_calls = dict.fromkeys(readings, 0)

    def reader(name: str, reading: RowReader) -> Callable[..., None]:
        wanted = call_of(reading)

        def read(module: nn.Module, _: Any, activation: Any) -> None:
            n_calls[name] += 1
            if wanted is None and rows[name]:
                raise called_twice(name, module)
            if isinstance(wanted, int) and wanted != n_calls[name] - 1:
                return
            tensor = one_tensor(name, module, activation, n)
            rows[name].append(owned(at_layer(name, module, reading.rows, tensor), tensor))
            if all(rows[one] and call_of(bound[one]) != "all" for one in rows):
                raise _Stop

        return read

    hooks = {name: reader(name, reading) for name, reading in bound.items()}
    with torch.no_grad(), evaluating(model), hooked(model, hooks), suppress(_Stop):
        call(model, inputs)
    for name, reading in bound.items():
        _refuse_absent(model, name, call_of(reading), n_calls[name])
    return {name: found[0] if len(found) == 1 else _by_call(found) for name, found in rows.items()}


def _by_call(rows: list[Tensor]) -> Tensor:
    """The rows (m, N) of each call, as (m · calls, N): for each row one call after the other."""
    return torch.stack(rows, 1).flatten(0, 1)


def run_edited(
    model: nn.Module,
    inputs: Inputs,
    edits: Mapping[str, tuple[Reading, Tensor]],
    beside: Mapping[str, Any] | None = None,
) -> Any:
    """Run the whole model while the rows of some layers are moved; return the model's output.

    Args:
        model: the network f.
        inputs: n examples.
        edits: layer → (its reading, the change of its rows, as `capture` orders them, float32); none: the
            plain output. There are no gradients here; for those see `iin_core.attached`.
        beside: as in `capture`.

    Raises:
        ModelError: an edit that was not applied, or would be applied twice.
        InputError: changes that do not fit the activation.
    """
    n = n_examples(inputs)
    n_calls = dict.fromkeys(edits, 0)

    def editor(name: str, reading: Reading, delta: Tensor) -> Callable[..., Any]:
        wanted = call_of(reading)

        def edit(module: nn.Module, _: Any, activation: Any) -> Any:
            n_calls[name] += 1
            if wanted is None and n_calls[name] > 1:
                raise called_twice(name, module)
            if n_calls[name] > expected.get(name, n_calls[name]):
                raise other_calls(name, module, n_calls[name], expected[name])
            if isinstance(wanted, int) and wanted != n_calls[name] - 1:
                return None
            tensor = one_tensor(name, module, activation, n)
            change = delta[n_calls[name] - 1 :: expected[name]] if name in expected else delta
            changed = at_layer(name, module, lambda whole: reading.add(whole, change), tensor)
            return with_main_part(activation, changed)

        return edit

    bound = {name: bind(reading, inputs, beside) for name, (reading, _) in edits.items()}
    expected = {name: one.n_calls for name, one in bound.items() if isinstance(one, AtCall) and one.n_calls}
    hooks = {name: editor(name, reading, edits[name][1]) for name, reading in bound.items()}
    with torch.no_grad(), evaluating(model), hooked(model, hooks):
        output = call(model, inputs)
    for name, reading in bound.items():
        _refuse_absent(model, name, call_of(reading), n_calls[name])
        if n_calls[name] < expected.get(name, 0):
            raise other_calls(name, model.get_submodule(name), n_calls[name], expected[name])
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


def _refuse_absent(model: nn.Module, name: str, wanted: Call | None, n_calls: int) -> None:
    if not n_calls:
        raise never_called(name, model.get_submodule(name))
    if isinstance(wanted, int) and wanted >= n_calls:
        raise too_few_calls(name, model.get_submodule(name), wanted, n_calls)
