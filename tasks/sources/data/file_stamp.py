"""What files look like from outside: a cheap sign that their content may have changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path


def stamp_files(files: Iterable[Path], settings: str) -> str:
    """SHA-256 of names, sizes and times of files, and of what else is made of them.

    Args:
        files: in their order.
        settings: that tell how they are read.
    """
    digest = hashlib.sha256(settings.encode())
    for file in files:
        found = file.stat()
        digest.update(json.dumps([str(file), found.st_size, found.st_mtime_ns, found.st_ino]).encode())
    return digest.hexdigest()


def last_changed(files: Iterable[Path]) -> int:
    """When the youngest was last changed, in nanoseconds since 1970."""
    return max(file.stat().st_mtime_ns for file in files)
