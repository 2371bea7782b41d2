"""One forward pass that says what the modules of a model return, and which cannot be read and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from iin_core.errors import IinError, ModelError
from iin_core.hooks import (
    Inputs,
    call,
    called_twice,
    evaluating,
    hooked,
    model_raised,
    n_examples,
    never_called,
    one_tensor,
)
from iin_core.reading_calls import Call, too_few_calls


@dataclass(frozen=True)
class LayerProbe:
    """What one module does in a forward pass.

    Attributes:
        shape: of the activation without its batch axis; empty where there is a problem.
        dtype: of the activation.
        n_calls: how often forward called the module.
        order: its place, from 0, in the order in which the probed modules first returned; -1: never.
        problem: why the module cannot be read, or None.
        shapes: of the activation of each call; empty where any of them cannot be read.
    """

    shape: tuple[int, ...] = ()
    dtype: torch.dtype | None = None
    n_calls: int = 0
    order: int = -1
    problem: ModelError | None = None
    shapes: tuple[tuple[int, ...], ...] = ()

    def at(self, call: Call | None, name: str, module: nn.Module) -> tuple[int, ...]:
        """The shape at one call of the module; of all calls, or without any, that of each.

        Args:
            call: which, from 0; None: the only one.
            name, module: of the layer, for the error.

        Raises:
            ModelError: it cannot be read, there is no such call, or calls of different shapes.
        """
        if self.problem is not None and (call is None or not self.shapes):
            raise self.problem
        if isinstance(call, int) and call >= len(self.shapes):
            raise too_few_calls(name, module, call, self.n_calls)
        if isinstance(call, int):
            return self.shapes[call]
        if len(set(self.shapes)) > 1:
            raise ModelError(
                f"The calls of module {name!r} return activations of different shapes.",
                where=", ".join(map(str, self.shapes[:6])),
                fix="read one of the calls: {call: 0}",
            )
        return self.shape


def observe(model: nn.Module, inputs: Inputs, names: Sequence[str]) -> dict[str, LayerProbe]:
    """Run one whole forward pass and describe the modules, also those that cannot be read.

    Raises:
        ModelError: the model itself raised; the text names the innermost module that was running.
    """
    n = n_examples(inputs)
    seen: dict[str, LayerProbe] = {}

    def observer(name: str) -> Callable[..., None]:
        def look(module: nn.Module, _: Any, activation: Any) -> None:
            seen[name] = _described(name, module, activation, n, seen.get(name), len(seen))

        return look

    with torch.no_grad(), evaluating(model), hooked(model, {name: observer(name) for name in names}):
        _run_naming_the_culprit(model, inputs)
    absent = {
        name: LayerProbe(problem=never_called(name, model.get_submodule(name)))
        for name in names
        if name not in seen
    }
    return {name: seen.get(name) or absent[name] for name in names}


def probe(model: nn.Module, inputs: Inputs, names: Sequence[str]) -> dict[str, LayerProbe]:
    """Run one whole forward pass and describe the modules; each must be readable.

    Raises:
        ModelError: a module that is never called, is called twice, or returns no tensor with
            a row for each example; or the model raised.
    """
    probes = observe(model, inputs, names)
    for layer in probes.values():
        if layer.problem is not None:
            raise layer.problem
    return probes


def _described(
    name: str, module: nn.Module, activation: Any, n: int, before: LayerProbe | None, order: int
) -> LayerProbe:
    n_calls = 1 if before is None else before.n_calls + 1
    try:
        tensor = one_tensor(name, module, activation, n)
    except ModelError as problem:
        if before is None:
            return LayerProbe(n_calls=1, order=order, problem=problem)
        return replace(before, n_calls=n_calls, problem=called_twice(name, module), shapes=())
    shape = tuple(tensor.shape[1:])
    if before is None:
        return LayerProbe(shape, tensor.dtype, n_calls=1, order=order, shapes=(shape,))
    shapes = (*before.shapes, shape) if before.shapes else ()
    return replace(before, n_calls=n_calls, problem=called_twice(name, module), shapes=shapes)


def _run_naming_the_culprit(model: nn.Module, inputs: Inputs) -> None:
    running: list[tuple[str, nn.Module]] = []
    with ExitStack() as stack:
        for name, module in model.named_modules():
            enter = module.register_forward_pre_hook(
                lambda module, _, name=name: running.append((name, module))
            )
            leave = module.register_forward_hook(lambda module, *_: _forget(running, module))
            stack.callback(enter.remove)
            stack.callback(leave.remove)
        try:
            call(model, inputs)
        except IinError:
            raise
        except (Exception, SystemExit) as error:
            name, module = running[-1] if running else ("", model)
            raise model_raised(error, name, module) from error


def _forget(running: list[tuple[str, nn.Module]], module: nn.Module) -> None:
    # What a module raised and its caller caught left entries behind it.
    while running.pop()[1] is not module:
        pass
