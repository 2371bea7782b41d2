"""Writing to disks and object stores: exclusively, durably, and with errors that a person can read."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from upath import UPath

from tasks.errors import EnvironmentProblem

_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


def is_local(path: UPath) -> bool:
    """Whether the path lies on a mounted file system."""
    return isinstance(path, Path)


def create_exclusively(path: UPath, data: bytes) -> bool:
    """Write a whole file that must not exist yet; False when it does, then nothing is written.

    Locally the complete and synced file is linked to its name, so that nobody ever sees half of
    it; on an object store this is a conditional put.
    """
    if not is_local(path):
        try:
            path.fs.pipe_file(path.path, data, mode="create")
        except FileExistsError:
            return False
        return True
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        _write_synced(draft, data)
        try:
            os.link(str(draft), str(path))
        except FileExistsError:
            return False
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def replace(path: UPath, data: bytes) -> None:
    """Write a whole file over whatever has that name; readers see the old or the new one."""
    if not is_local(path):
        path.fs.pipe_file(path.path, data)
        return
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        _write_synced(draft, data)
        os.replace(str(draft), str(path))
    finally:
        draft.unlink(missing_ok=True)


def _write_synced(path: UPath, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_file(path: UPath) -> None:
    """Make a local file's content survive a loss of power."""
    descriptor = os.open(str(path), os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: UPath) -> None:
    """Make the names in a local folder survive a loss of power."""
    sync_file(path)


def remove_tree(path: UPath) -> None:
    """Remove a file or a folder with all that is in it; what is gone already is no error."""
    if not is_local(path):
        if path.exists():
            path.fs.rm(path.path, recursive=True)
    elif path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(str(path), ignore_errors=True)


@contextmanager
def readable_errors(what: str, place: UPath) -> Iterator[None]:
    """Turn a full disk and a refused write into errors that say which output and what to do.

    Args:
        what: what was being written, e.g. ``"the activations of conv1"``.
        place: where.

    Raises:
        EnvironmentProblem: no space left, or no right to write.
    """
    try:
        yield
    except OSError as error:
        problem = _problem(error, what, place)
        if problem is None:
            raise
        raise problem from error


def _problem(error: OSError, what: str, place: UPath) -> EnvironmentProblem | None:
    if error.errno in _FULL:
        return EnvironmentProblem(
            f"The disk is full: {what} could not be written.",
            where=f"{place}{_free_space(place)}",
            fix="free space there (`iin gc` lists what nothing refers to), then run the same command "
            "again: what is sealed is kept",
        )
    if (error.errno in _REFUSED or isinstance(error, PermissionError)) and _concerns(error, place):
        return EnvironmentProblem(
            f"No right to write: {what} could not be written.",
            where=str(place),
            fix="give this user the right to write there, or choose another root with --root or IIN_ROOT",
        )
    return None


def _concerns(error: OSError, place: UPath) -> bool:
    # A step may fail to *read* a file of the user's; that is not a fault of the place it writes to.
    if not isinstance(error.filename, str):
        return True
    return str(place).startswith(error.filename) or error.filename.startswith(str(place))


def _free_space(place: UPath) -> str:
    if not is_local(place):
        return ""
    folder = next((parent for parent in (place, *place.parents) if parent.exists()), place)
    return f" ({shutil.disk_usage(str(folder)).free / 2**20:.0f} MiB free)"
