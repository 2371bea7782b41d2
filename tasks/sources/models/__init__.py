"""Model sources: each names a factory of a torch module, which a checkpoint may fill."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import nn

from iin_core.errors import ModelError
from tasks.fingerprint import fingerprint_parts, fingerprint_source, fingerprint_tensors
from tasks.sources.imported import call
from tasks.sources.models import builtin, imported
from tasks.sources.models.weights import load_weights, refuse_unusable
from tasks.study import SourceSpec

if TYPE_CHECKING:
    import pandas as pd

    from tasks.sources.data import Data

SOURCES: dict[str, Callable[[SourceSpec, Path], Callable[..., Any]]] = {
    "builtin": builtin.open_factory,
    "import": imported.open_factory,
}
"""The field of a source → what finds the factory that it names."""

__all__ = ["SOURCES", "Fit", "fit_declared", "load_weights", "model_fingerprint", "open_model"]


class Fit(Protocol):
    """How a source says that its model is fitted: the factory's attribute `fit`."""

    def __call__(
        self, model: nn.Module, data: Data, rows: pd.DataFrame, *, settings: Mapping[str, Any], seed: int
    ) -> dict[str, Any]:
        """Fit the model in place on the rows of the split `train`; return the curves by name."""
        ...


def open_model(source: SourceSpec, folder: Path) -> nn.Module:
    """Make a model: in evaluation mode, on the CPU, its checkpoint loaded, not fitted yet.

    The factory runs under a fixed torch seed, so that weights it draws are the same each time.

    Args:
        source: a model's or a reader's.
        folder: of the study; relative checkpoints start there.

    Raises:
        StudyError: the factory cannot be found or called, or it raises.
        ModelError: it returns no module, or one whose weights do not fit or are not finite.
        CheckpointError: the checkpoint cannot be read.
    """
    name = _name(source)
    with torch.random.fork_rng(devices=[]):
        factory = _factory(source, folder)
        torch.manual_seed(0)
        model = call(factory, source.arguments, name, folder)
    if not isinstance(model, nn.Module):
        raise ModelError(
            f"{name!r} returned a {type(model).__name__}, not a torch.nn.Module.",
            where=_place(factory) or f"model source {name!r}",
            fix="let the factory return the model itself",
        )
    if source.checkpoint is not None:
        load_weights(model, folder / source.checkpoint)
    refuse_unusable(model, name)
    return model.cpu().eval()


def fit_declared(source: SourceSpec, folder: Path) -> Fit | None:
    """Return how the source's model is fitted: the attribute `fit` of its factory, if there is one.

    Raises:
        StudyError: the factory cannot be found.
    """
    fit = getattr(_factory(source, folder), "fit", None)
    return fit if callable(fit) else None


def model_fingerprint(model: nn.Module, source: SourceSpec, folder: Path) -> str:
    """Return the fingerprint of what the model computes: its tensors, arguments and code.

    The code is that of the factory, of its `fit`, and of each module class that is not torch's own;
    for a built-in network it is the whole package, whose files share what they fit with.

    Raises:
        StudyError: the factory cannot be found.
    """
    factory = _factory(source, folder)
    tensors = dict([*model.named_parameters(), *model.named_buffers()])
    parts = {
        "tensors": fingerprint_tensors(tensors),
        "arguments": json.dumps(source.arguments, sort_keys=True),
        "factory": _code(factory),
        "fit": _code(getattr(factory, "fit", None)),
    }
    if source.builtin is not None:
        parts["package"] = fingerprint_source(builtin.package())
    kinds = {type(module) for module in model.modules()}
    for kind in kinds:
        if kind.__module__.split(".")[0] != "torch":
            parts[f"class {kind.__module__}.{kind.__qualname__}"] = _code(kind)
    return fingerprint_parts(parts)


def _factory(source: SourceSpec, folder: Path) -> Callable[..., Any]:
    return SOURCES["builtin" if source.builtin is not None else "import"](source, folder)


def _name(source: SourceSpec) -> str:
    return str(source.builtin or source.import_)


def _code(thing: Any) -> str:
    try:
        return fingerprint_source(thing)
    except TypeError:  # compiled code: the tensors and the arguments have to do
        return type(thing).__name__


def _place(factory: Callable[..., Any]) -> str:
    try:
        _, line = inspect.getsourcelines(factory)
        return f"{inspect.getsourcefile(factory)}:{line}"
    except (TypeError, OSError):  # compiled code has no lines
        return ""
