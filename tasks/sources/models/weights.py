"""The tensors of a model: loaded from a checkpoint, and refused where they cannot be right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from iin_core.errors import ModelError
from iin_core.tensor_file import read_tensor_file, state_dict_in

_WRAPPED = "module."
"""The prefix that torch's DataParallel puts in front of every name."""


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Load a checkpoint into a model: every tensor, and no other.

    The file is safetensors, or torch's format read with ``weights_only``; there is no fallback.

    Raises:
        CheckpointError: the file cannot be read, or holds no state dict.
        ModelError: names or shapes that differ from the model's.
    """
    tensors = state_dict_in(read_tensor_file(path), path)
    if all(name.startswith(_WRAPPED) for name in tensors):
        tensors = {name.removeprefix(_WRAPPED): tensor for name, tensor in tensors.items()}
    differences = list(_differences(model.state_dict(), tensors))
    if differences:
        more = f"; and {len(differences) - 4} more" if len(differences) > 4 else ""
        raise ModelError(
            f"The checkpoint does not fit {type(model).__name__}: {'; '.join(differences[:4])}{more}.",
            where=str(path),
            fix="give the checkpoint of this architecture, or the `arguments` with which it was trained",
        )
    model.load_state_dict(tensors)


def refuse_unusable(model: nn.Module, name: str) -> None:
    """Refuse a model whose tensors are not there yet, or hold NaN or infinity.

    Args:
        model: as its factory and checkpoint made it.
        name: what the study calls its source.

    Raises:
        ModelError: the text names the tensors.
    """
    tensors = dict([*model.named_parameters(), *model.named_buffers()])
    empty = [key for key, tensor in tensors.items() if is_lazy(tensor) or tensor.is_meta]
    if empty:
        raise ModelError(
            f"{name!r} returned a model without values in {_listed(empty)}.",
            where=f"model source {name!r}",
            fix="let the factory run lazy modules once and load weights that were built on the meta device",
        )
    broken = [key for key, tensor in tensors.items() if not _is_finite(tensor)]
    if broken:
        raise ModelError(
            f"The weights of {name!r} are not finite in {_listed(broken)}.",
            where=f"model source {name!r}",
            fix="give a checkpoint from before the training diverged",
        )


def _differences(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> Iterator[str]:
    for name, tensor in own.items():
        if name not in given:
            yield f"{name!r} is missing"
        elif tensor.shape != given[name].shape:
            yield f"{name!r} is {tuple(given[name].shape)}, the model's is {tuple(tensor.shape)}"
    for name in given:
        if name not in own:
            yield f"{name!r} is not in the model"


def _is_finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
