"""Checkpoints of units in training: one file a unit in the root, gone once the unit is sealed."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from upath import UPath

from iin_core.checkpoint import Checkpoints, UnitState, read_state, state_bytes
from iin_core.errors import CheckpointError
from tasks.output import CHECKPOINTS, Root
from tasks.plan import Unit
from tasks.storage import readable_errors, replace
from tasks.versions import package_versions

_SHARE = 20
"""Writing takes at most one in so many seconds, however large the states are."""
_log = logging.getLogger("tasks")


def checkpoint_path(root: Root, key: str) -> UPath:
    """Where the checkpoint of a unit lies."""
    return root.path / CHECKPOINTS / f"{key}.safetensors"


def open_checkpoints(root: Root, units: Sequence[Unit], seconds: float) -> Checkpoints:
    """The states from which units go on, and a writer of new ones.

    A damaged checkpoint, or one of other versions of iin or torch, is left with a warning: its unit
    begins anew.

    Args:
        seconds: between two writings, at least.
    """
    found = [_found(root, unit) for unit in units]
    written = time.monotonic()
    took = 0.0

    def is_due(done: int) -> bool:
        nonlocal written
        now = time.monotonic()
        if now - written < max(seconds, _SHARE * took):
            return False
        written = now
        return True

    def keep(k: int, state: UnitState) -> None:
        nonlocal took
        begun, path = time.monotonic(), checkpoint_path(root, units[k].train.key)
        with readable_errors(f"the checkpoint of {units[k].name!r}", path):
            path.parent.mkdir(parents=True, exist_ok=True)
            replace(path, state_bytes(state, _of(units[k])))
        took = len(units) * (time.monotonic() - begun)

    return Checkpoints(found, keep, is_due)


def remove_checkpoint(root: Root, key: str) -> None:
    """Remove the checkpoint of a unit that is sealed."""
    checkpoint_path(root, key).unlink(missing_ok=True)


def _found(root: Root, unit: Unit) -> UnitState | None:
    path = checkpoint_path(root, unit.train.key)
    try:
        state = read_state(path.read_bytes(), _of(unit))
    except FileNotFoundError:
        return None
    except CheckpointError as error:
        _log.warning("%s: %s It begins anew. (%s)", unit.name, error.what, path)
        return None
    _log.info("%s goes on from update %d of %d", unit.name, state.update, unit.training.updates)
    return state


def _of(unit: Unit) -> str:
    """A state suits the study by the key, and the code by its versions."""
    versions = package_versions()
    return f"{unit.train.key} of iin {versions['iin']}, torch {versions['torch']}"
