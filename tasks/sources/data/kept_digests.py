"""Digests of inputs that lie in files, kept while no file changes: content is read once, not each time."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

from tasks.sources.data.redrawn import CACHE, cache_folder, write_kept

_SETTLED_NS = 2_000_000_000
"""A file may be written twice within a tick of its clock; one this old shows a later write by its time."""
_log = logging.getLogger("tasks")


@runtime_checkable
class Stamped(Protocol):
    """Inputs that can tell cheaply whether they may have changed."""

    def stamp(self) -> str:
        """The same as long as no file has changed."""
        ...

    def changed_ns(self) -> int:
        """When a file was last changed, in nanoseconds since 1970."""
        ...


def kept_digests(inputs: object, compute: Callable[[], Mapping[str, str]]) -> Mapping[str, str]:
    """Digests of inputs: as kept for their stamp, else computed, and kept.

    Args:
        inputs: any; only `Stamped` ones are kept.
        compute: reads all of them.
    """
    if not isinstance(inputs, Stamped):
        return compute()
    stamp, settled = inputs.stamp(), time.time_ns() - inputs.changed_ns() > _SETTLED_NS
    path = cache_folder() / "digests" / stamp[:2] / f"{stamp}.json"
    try:
        found = json.loads(path.read_text())
        if isinstance(found, dict) and all(isinstance(value, str) for value in found.values()):
            return found
    except (OSError, ValueError):
        pass
    made = compute()
    if settled and inputs.stamp() == stamp:
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
