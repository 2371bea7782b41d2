"""What reading and changing a running model have in common: calling it, hooking it, refusing its modules."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from iin_core.errors import InputError, ModelError
from iin_core.module_output import main_part

Inputs = Tensor | Mapping[str, Any]
"""What a model is called with: one tensor, or keyword arguments."""


def call(model: nn.Module, inputs: Inputs) -> Any:
    """Run the model on a tensor, ``model(x)``, or on keyword arguments, ``model(**x)``.

    Raises:
        InputError: inputs that are neither.
    """
    if isinstance(inputs, Tensor):
        return model(inputs)
    if isinstance(inputs, Mapping):
        return model(**inputs)
    raise InputError(
        f"A model is called with a tensor or a mapping of keyword arguments, not {type(inputs).__name__}.",
        fix="return one of these from the data source",
    )


def named_inputs(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """What a model was called with, by the names that its forward gives; without these the keywords alone."""
    try:
        return dict(inspect.signature(model.forward).bind_partial(*args).arguments) | dict(kwargs)
    except (TypeError, ValueError):
        return dict(kwargs)


def n_examples(inputs: Inputs) -> int:
    """Return n, the length of the first axis of the inputs.

    Raises:
        InputError: inputs without a tensor that has axes.
    """
    for value in inputs.values() if isinstance(inputs, Mapping) else [inputs]:
        if isinstance(value, Tensor) and value.dim():
            return value.shape[0]
    raise InputError("The inputs hold no tensor with a batch axis.", fix="give tensors of shape (n, ...)")


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put the model into evaluation mode for a while; afterwards each module is as it was."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def hooked(model: nn.Module, hooks: Mapping[str, Callable[..., Any]]) -> Iterator[None]:
    """Attach forward hooks to named modules for a while."""
    with ExitStack() as stack:
        for name, hook in hooks.items():
            stack.callback(model.get_submodule(name).register_forward_hook(hook).remove)
        yield


def one_tensor(name: str, module: nn.Module, activation: Any, n: int) -> Tensor:
    """Return the tensor in a module's output if it has a row for each of n examples.

    It is the output itself, or the first entry of a tuple, a list or a mapping.

    Raises:
        ModelError: anything else; the text says what to name instead.
    """
    label = f"{name!r} ({type(module).__name__})"
    found = main_part(activation)
    if not isinstance(found, Tensor):
        inner = [f"{name}.{child}" for child, _ in module.named_children()][:4]
        raise ModelError(
            f"Module {label} returns a {_kind(activation)}, not a tensor or something that begins with one.",
            where=f"layer {name!r}",
            fix=(
                f"name a module inside it, such as {', '.join(inner)}, " if inner else "name another module, "
            )
            + "or wrap it in a module that returns the tensor that you mean",
        )
    if found.dim() == 0 or found.shape[0] != n:
        raise ModelError(
            f"Module {label} returns shape {tuple(found.shape)} for {n} examples: "
            "its first axis is not the batch.",
            where=f"layer {name!r}",
            fix="name a module whose output has the batch first, or build the model with batch_first=True",
        )
    return found


def never_called(name: str, module: nn.Module) -> ModelError:
    """Make the error for a module that a forward pass did not call."""
    return ModelError(
        f"Module {name!r} ({type(module).__name__}) was never called in the forward pass.",
        where=f"layer {name!r}",
        fix="name a module that forward calls; one whose weights are used directly cannot be read",
    )


def called_twice(name: str, module: nn.Module) -> ModelError:
    """Make the error for a module that one forward pass calls more than once."""
    return ModelError(
        f"Module {name!r} ({type(module).__name__}) was called twice in one forward pass, "
        "so its activation is not one.",
        where=f"layer {name!r}",
        fix="read one of its calls, {call: 0}, or all, {call: all}; or give each use a module of its own",
    )


def at_layer(name: str, module: nn.Module, step: Callable[[Tensor], Tensor], activation: Tensor) -> Tensor:
    """Run one step of a reading; its refusals get the layer's name."""
    try:
        return step(activation)
    except InputError as error:
        raise InputError(
            error.what, where=f"layer {name!r} ({type(module).__name__})", fix=error.fix
        ) from error


def owned(rows: Tensor, activation: Tensor) -> Tensor:
    """Return rows that do not share memory with the activation, which the model may change in place."""
    shared = rows.untyped_storage().data_ptr() == activation.untyped_storage().data_ptr()
    return rows.clone() if shared else rows


def model_raised(error: BaseException, name: str, module: nn.Module) -> ModelError:
    """Make the error for an exception of the model's own, raised while `module` was running."""
    import traceback
    from pathlib import Path

    frames = traceback.extract_tb(error.__traceback__)
    library, ours = Path(torch.__file__).parent, Path(__file__).parent
    own = [frame for frame in frames if not {library, ours} & set(Path(frame.filename).parents)]
    at = f", {own[-1].filename} line {own[-1].lineno}" if own else ""
    return ModelError(
        f"The model raised {type(error).__name__}: {error}",
        where=f"module {name!r} ({type(module).__name__}){at}" if name else f"{type(module).__name__}{at}",
        fix="run the model by hand on one batch of this data until it returns",
    )


def _kind(value: Any) -> str:
    name = type(value).__name__
    return f"{name} of {len(value)}" if isinstance(value, tuple | list) else name
