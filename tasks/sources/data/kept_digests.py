"""Digests of inputs that lie in files, kept while no file changes: content is read once, not each time."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from tasks.sources.data.file_stamp import Stamp
from tasks.sources.data.redrawn import CACHE, cache_folder, write_kept

_SETTLED_NS = 2_000_000_000
"""A file may be written twice within a tick of its clock; one this old shows a later write by its time."""
_log = logging.getLogger("tasks")


@runtime_checkable
class Stamped(Protocol):
    """Inputs that can tell cheaply whether they may have changed."""

    def stamp(self) -> Stamp:
        """How their files look."""
        ...


def kept_digests(inputs: object, compute: Callable[[], Mapping[str, str]]) -> Mapping[str, str]:
    """Digests of inputs: as kept for their stamp, else computed, and kept.

    Args:
        inputs: any; only `Stamped` ones are kept.
        compute: reads all of them.
    """
    if not isinstance(inputs, Stamped):
        return compute()
    stamp, now = inputs.stamp(), time.time_ns()
    path = cache_folder() / "digests" / stamp.digest[:2] / f"{stamp.digest}.json"
    found = _read(path)
    if found is not None:
        return found
    made = compute()
    if now - stamp.changed_ns > _SETTLED_NS and inputs.stamp() == stamp:
        try:
            write_kept(path, json.dumps(dict(made)).encode())
        except OSError as error:
            _log.warning(
                "digests of files cannot be kept in %s (%s), so all are read each time: set %s",
                path,
                error,
                CACHE,
            )
    return made


def _read(path: Path) -> dict[str, str] | None:
    """What is kept; None where nothing is, or no whole file of digests."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    right = isinstance(found, dict) and all(isinstance(value, str) for value in found.values())
    return found if right else None
