"""Redrawn images, kept by content: what one run has redrawn no other one redraws on this machine."""

from __future__ import annotations

import io
import logging
import os
import secrets
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CACHE = "IIN_CACHE"
"""Names the folder in which redrawn images and digests of files are kept."""
_log = logging.getLogger("tasks")


def cache_folder() -> Path:
    """`IIN_CACHE`, else the folder `iin` among the user's caches."""
    named = os.environ.get(CACHE)
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "iin"


def kept(key: str, shape: tuple[int, ...], redraw: Callable[[], NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """The images of a key: read, or redrawn and kept.

    A file that is cut short or of another shape is made anew. Where nothing can be written the images
    are redrawn each time, and that is said.

    Args:
        key: SHA-256 of all that the images depend on.
        shape: that they have.
        redraw: makes them.
    """
    path = cache_folder() / "sketches" / key[:2] / f"{key}.npy"
    found = _read(path, shape)
    if found is not None:
        return found
    made = redraw()
    try:
        data = io.BytesIO()
        np.save(data, made, allow_pickle=False)
        write_kept(path, data.getvalue())
    except OSError as error:
        _log.warning(
            "redrawn images cannot be kept in %s (%s), and are redrawn each time: set %s", path, error, CACHE
        )
    return made


def _read(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    right = isinstance(found, np.ndarray) and found.dtype == np.uint8 and found.shape == shape
    return found if right else None


def write_kept(path: Path, data: bytes) -> None:
    """Write a file of the cache, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
