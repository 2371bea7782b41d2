"""The root of all outputs, and how one comes to be: begin an attempt, write its files, seal it."""

from __future__ import annotations

import json
import platform
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from upath import UPath

from tasks.errors import DamagedOutput, EnvironmentProblem
from tasks.sealed import FORMAT, MANIFEST, Output, file_sha256, identity, read_output
from tasks.step import Step
from tasks.storage import create_exclusively, is_local, readable_errors, remove_tree, sync_file, sync_folder
from tasks.versions import package_versions

__all__ = ["Attempt", "Output", "Root", "identity", "open_root"]

ROOT_FILE = "iin.json"
"""Marks a folder as a root and holds its version."""
CHECKPOINTS = "checkpoints"
"""The folder of what units in training go on from, see `tasks.train_checkpoints`."""


@dataclass(frozen=True)
class Attempt:
    """One try at making an output; invisible to readers until it is sealed.

    Args:
        root: where.
        step: what.
        path: an existing folder for the parts; it stays the output's folder once sealed.
    """

    root: Root
    step: Step
    path: UPath

    def seal(self, meta: Mapping[str, Any], *, times: Mapping[str, float]) -> Output:
        """Write the manifest, exclusively; if another attempt was first, that one is returned.

        Args:
            meta: facts about the output that are the same whenever it is made again.
            times: seconds by phase.

        Raises:
            EnvironmentProblem: no space left, or no right to write.
        """
        with readable_errors(_called(self.step), self.path):
            data = json.dumps(self._manifest(meta, times), indent=1, allow_nan=False).encode()
            folder = self.path.parent
            if is_local(self.path):
                _sync_tree(self.path)
            created = create_exclusively(folder / MANIFEST, data)
        output = self.root.open(self.step.kind, self.step.key)
        if not created and output.path != self.path:
            remove_tree(self.path)
        return output

    def _manifest(self, meta: Mapping[str, Any], times: Mapping[str, float]) -> dict[str, Any]:
        files = sorted(path for path in self.path.rglob("*") if path.is_file())
        return {
            "format": FORMAT,
            "kind": self.step.kind,
            "key": self.step.key,
            "label": self.step.label,
            "step": self.step.identity(),
            "attempt": self.path.name,
            "files": {
                path.relative_to(self.path).as_posix(): {
                    "bytes": path.stat().st_size,
                    "sha256": file_sha256(path),
                }
                for path in files
            },
            "meta": dict(meta),
            "versions": package_versions(),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "host": platform.node(),
            "times": dict(times),
        }


@dataclass(frozen=True)
class Root:
    """A folder or bucket of sealed outputs; get one from `open_root`."""

    url: str
    path: UPath

    def folder(self, kind: str, key: str) -> UPath:
        """Where the attempts and the manifest of a key lie, whether they exist or not."""
        return self.path / kind / key[:2] / key

    def find(self, step: Step) -> Output | None:
        """The sealed output of a step, all files present with their sizes; None if not sealed.

        Raises:
            DamagedOutput: sealed, but files are missing or cut short.
        """
        return read_output(self.folder(step.kind, step.key), step.kind, step.key)

    def open(self, kind: str, key: str) -> Output:
        """The sealed output of a key.

        Raises:
            DamagedOutput: not there, or no longer whole.
        """
        output = read_output(self.folder(kind, key), kind, key)
        if output is None:
            raise DamagedOutput(
                f"The {kind} output {key[:12]} is not there.",
                where=str(self.folder(kind, key)),
                fix="run the study: what is missing is made",
            )
        return output

    def outputs(self, kind: str) -> Iterator[Output]:
        """Every sealed output of a kind, in the order of keys.

        Raises:
            DamagedOutput: at the first one that is no longer whole.
        """
        for folder in self.key_folders(kind):
            output = read_output(folder, kind, folder.name)
            if output is not None:
                yield output

    def key_folders(self, kind: str) -> list[UPath]:
        """The folders of all keys of a kind, sealed or not, in the order of keys."""
        folders = (path for path in (self.path / kind).glob("??/*") if path.is_dir())
        return sorted(folders, key=lambda folder: folder.name)

    @contextmanager
    def begin(self, step: Step) -> Iterator[Attempt]:
        """Start an attempt; leaving the block without `seal` throws it away.

        Raises:
            EnvironmentProblem: no space left, or no right to write.
        """
        path = self.folder(step.kind, step.key) / secrets.token_hex(8)
        try:
            with readable_errors(_called(step), path):
                path.mkdir(parents=True)
                yield Attempt(self, step, path)
        finally:
            if not _is_winner(path):
                remove_tree(path)


def open_root(url: str, *, create: bool = True) -> Root:
    """Open the folder or bucket in which outputs lie.

    Args:
        url: a path, or any fsspec URL (``s3://bucket/prefix``).
        create: make it if it is not there, and ask for the right to write.

    Raises:
        EnvironmentProblem: not a folder, not there, not writable, or of a newer version.
        DamagedOutput: its version cannot be read.
    """
    path = _absolute(url)
    root = Root(str(path), path)
    if path.is_file():
        raise EnvironmentProblem(
            "The root is a file, not a folder.", where=str(path), fix="give a folder: --root or IIN_ROOT"
        )
    marker = path / ROOT_FILE
    if not marker.exists():
        if not create:
            raise EnvironmentProblem(
                "There are no results here: this is not the root of any study.",
                where=str(path),
                fix="say where the results are with --root or IIN_ROOT, or make some: `iin run STUDY`",
            )
        with readable_errors("the root", path):
            _create_root(path, marker)
    elif create and is_local(path):
        with readable_errors("the root", path), TemporaryFile(dir=str(path)):
            pass
    _check_version(marker)
    return root


def _create_root(path: UPath, marker: UPath) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        create_exclusively(marker, json.dumps({"iin_root": FORMAT}).encode())
    except (NotADirectoryError, FileNotFoundError, FileExistsError) as error:
        raise EnvironmentProblem(
            "The root cannot be made: a folder above it does not exist or is a file.",
            where=str(path),
            fix="give a folder that can be made: --root or IIN_ROOT",
        ) from error


def _absolute(url: str) -> UPath:
    try:
        path = UPath(url)
    except (ValueError, ImportError) as error:
        raise EnvironmentProblem(
            f"No storage can be reached under this URL: {error}.",
            where=url,
            fix="use a path or a URL whose fsspec driver is installed (s3:// needs s3fs)",
        ) from error
    if path.protocol in ("", "file", "local"):
        return UPath(Path(path.path).expanduser().absolute())
    return path


def _check_version(marker: UPath) -> None:
    try:
        found = json.loads(marker.read_bytes())["iin_root"]
        newer = found > FORMAT
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedOutput(
            "The version of the root cannot be read.",
            where=str(marker),
            fix=f'if this is a root of iin, write {{"iin_root": {FORMAT}}} into that file',
        ) from error
    if newer:
        raise EnvironmentProblem(
            f"The root was made by a newer version of iin (format {found}, this one reads {FORMAT}).",
            where=str(marker),
            fix="upgrade iin, or choose another root with --root or IIN_ROOT",
        )


def _is_winner(path: UPath) -> bool:
    try:
        return bool(json.loads((path.parent / MANIFEST).read_bytes())["attempt"] == path.name)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _sync_tree(folder: UPath) -> None:
    for path in sorted(folder.rglob("*")):
        sync_file(path)
    for path in (folder, folder.parent, folder.parent.parent):
        sync_folder(path)


def _called(step: Step) -> str:
    return f"the {step.kind} output {step.label!r}"
