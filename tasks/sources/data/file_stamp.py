"""What files look like from outside: a cheap sign that their content may have changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stamp:
    """How some files look.

    Args:
        digest: SHA-256 of their names, sizes and times, and of how they are read.
        changed_ns: when the youngest was last changed, in nanoseconds since 1970.
    """

    digest: str
    changed_ns: int


def stamp_files(files: Iterable[Path], settings: str) -> Stamp:
    """Look at files.

    Args:
        files: one or more, in their order.
        settings: that tell how they are read.
    """
    digest, changed = hashlib.sha256(settings.encode()), 0
    for file in files:
        found = file.stat()
        digest.update(json.dumps([str(file), found.st_size, found.st_mtime_ns, found.st_ino]).encode())
        changed = max(changed, found.st_mtime_ns)
    return Stamp(digest.hexdigest(), changed)
