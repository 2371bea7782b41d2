"""The state of one IIN in the middle of its training, and a file of it: tensors alone, with a checksum."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from iin_core.errors import CheckpointError

_FORMAT = 1


@dataclass(frozen=True)
class UnitState:
    """Everything that changes in the training of one IIN; nothing of the others beside it.

    Attributes:
        update: how many are done.
        tensors: parameters, moments, generator, guard, average, best weights, curve.
    """

    update: int
    tensors: Mapping[str, Tensor]


@dataclass(frozen=True)
class Checkpoints:
    """Where a training goes on, and what is kept of it on the way.

    Args:
        found: for each job the state to go on from; None begins anew.
        keep: called with a job's place and its state.
        is_due: asked now and then, with the updates done; True has all states kept.
    """

    found: Sequence[UnitState | None]
    keep: Callable[[int, UnitState], None]
    is_due: Callable[[int], bool]


def state_bytes(state: UnitState, of: str) -> bytes:
    """A file of the state.

    Args:
        of: what it is the state of (a key); only a reader that names the same gets it back.
    """
    from safetensors.torch import save

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.tensors.items()}
    about = {"format": _FORMAT, "of": of, "update": state.update, "checksum": _checksum(tensors)}
    return save(tensors, metadata={"iin": json.dumps(about)})


def read_state(data: bytes, of: str) -> UnitState:
    """The state in a file.

    Raises:
        CheckpointError: damaged, of another format, or of something else.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        about = json.loads(_header(data)["__metadata__"]["iin"])
        tensors = load(data)
        is_whole = about["checksum"] == _checksum(tensors)
        found, update = (about["format"], about["of"]), int(about["update"])
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"A checkpoint of a training cannot be read: {error}.") from error
    if found != (_FORMAT, of):
        raise CheckpointError("A checkpoint is of another training.")
    if not is_whole:
        raise CheckpointError("A checkpoint of a training has been changed: its checksum does not fit.")
    return UnitState(update, tensors)


def _header(data: bytes) -> dict[str, dict[str, str]]:
    length = int.from_bytes(data[:8], "little")
    if not 0 < length <= len(data):
        raise ValueError("it is cut short")
    found: dict[str, dict[str, str]] = json.loads(data[8 : 8 + length])
    return found


def _checksum(tensors: Mapping[str, Tensor]) -> int:
    total = 0
    for name in sorted(tensors):
        tensor = tensors[name]
        total = zlib.crc32(f"{name}{tensor.dtype}{tuple(tensor.shape)}".encode(), total)
        total = (
            zlib.crc32(tensor.flatten().view(torch.uint8).numpy().data, total) if tensor.numel() else total
        )
    return total
