"""Files of tensors: safetensors, or torch's own format without code. There is no fallback to pickle."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from iin_core.errors import CheckpointError

_NESTED = ("state_dict", "model_state_dict", "model")
"""Keys under which training programs store a state dict beside an optimizer's."""

_SIGNS_OF_CODE = ("GLOBAL", "unrecognized function", "new object", "build state")
"""Words of torch's refusals of classes and calls; its other refusals are of bytes that are no pickle."""


def read_tensor_file(path: str | Path) -> Any:
    """Return what a file holds: a mapping of tensors, or whatever else ``weights_only`` admits.

    Raises:
        CheckpointError: no such file, one that is cut short, of another kind, or that holds code.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(
            "There is no such checkpoint."
            if not path.exists()
            else "A checkpoint is one file, not a folder.",
            where=str(path),
            fix="correct the path; a relative one in a study starts at the study's folder",
        )
    return _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)


def state_dict_in(content: Any, where: str | Path) -> dict[str, Tensor]:
    """Return the tensors by name that a file's content holds, at the top or one level down.

    Raises:
        CheckpointError: there are none.
    """
    candidates = [content]
    if isinstance(content, Mapping):
        candidates += [content[key] for key in _NESTED if key in content]
    for candidate in candidates:
        if (
            isinstance(candidate, Mapping)
            and candidate
            and all(isinstance(v, Tensor) for v in candidate.values())
        ):
            return {str(name): tensor for name, tensor in candidate.items()}
    found = (
        f"the keys {sorted(map(str, content))[:8]}"
        if isinstance(content, Mapping)
        else type(content).__name__
    )
    raise CheckpointError(
        f"The file holds no state dict, but {found}.",
        where=str(where),
        fix=f"save model.state_dict(), alone or under one of the keys {', '.join(_NESTED)}",
    )


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, error) from error


def _read_torch(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if not any(sign in str(error) for sign in _SIGNS_OF_CODE):
            raise _unreadable(path, error) from error
        raise CheckpointError(
            "The file holds code or objects besides tensors, and is not opened.",
            where=str(path),
            fix="save the state dict alone, torch.save(model.state_dict(), path), or as safetensors",
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> CheckpointError:
    first_sentence = str(error).strip().split("\n")[0].split(". ")[0][:200]
    return CheckpointError(
        f"The file is not a checkpoint, or is cut short: {first_sentence or type(error).__name__}",
        where=str(path),
        fix="give a .safetensors file, or one that torch.save wrote of a state dict; copy it again if it was",
    )
