"""A sealed output as readers see it: its manifest, its files, and whether they are still whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from upath import UPath

from tasks.errors import DamagedOutput, EnvironmentProblem

MANIFEST = "manifest.json"
FORMAT = 1
"""The version of manifests and of the root's layout (docs/formats.md)."""
_NOT_IDENTITY = ("times", "created", "host", "attempt")


@dataclass(frozen=True)
class Output:
    """A sealed output.

    Args:
        kind: e.g. ``"units"``.
        key: the key of its step.
        path: the folder of the winning attempt, in which the files lie.
        manifest: the whole manifest.
    """

    kind: str
    key: str
    path: UPath
    manifest: Mapping[str, Any]

    @property
    def meta(self) -> dict[str, Any]:
        """What the step wrote down about its output."""
        return cast("dict[str, Any]", self.manifest["meta"])

    @property
    def files(self) -> dict[str, dict[str, Any]]:
        """File name (relative to `path`) → ``{"bytes": int, "sha256": str}``."""
        return cast("dict[str, dict[str, Any]]", self.manifest["files"])

    @property
    def label(self) -> str:
        """How a person calls it."""
        return str(self.manifest.get("label", self.key[:12]))

    def file(self, name: str) -> UPath:
        """The path of one of the files.

        Raises:
            DamagedOutput: the manifest does not list it, or it is missing or of another size.
        """
        if name not in self.files:
            raise self.damaged("has no such file in its manifest", name)
        self._check_size(name)
        return self.path / name

    def read(self, name: str) -> bytes:
        """The bytes of one of the files, compared with its checksum.

        Raises:
            DamagedOutput: as `file`, or the file has been changed.
        """
        data = self.file(name).read_bytes()
        if hashlib.sha256(data).hexdigest() != self.files[name]["sha256"]:
            raise self._changed(name)
        return data

    def check(self) -> None:
        """See that every file is there with its size; cheap.

        Raises:
            DamagedOutput: naming the first file that is not.
        """
        for name in self.files:
            self._check_size(name)

    def verify(self) -> None:
        """Read every file again and compare checksums.

        Raises:
            DamagedOutput: naming the first file that is missing, cut short or changed.
        """
        for name, entry in self.files.items():
            self._check_size(name)
            if file_sha256(self.path / name) != entry["sha256"]:
                raise self._changed(name)

    def _check_size(self, name: str) -> None:
        path, expected = self.path / name, self.files[name]["bytes"]
        try:
            found = path.stat().st_size
        except FileNotFoundError:
            raise self.damaged("is missing", name) from None
        if found != expected:
            raise self.damaged(f"has {found} bytes instead of {expected}", name)

    def _changed(self, name: str) -> DamagedOutput:
        return self.damaged("has been changed since it was sealed (checksum)", name)

    def damaged(self, how: str, name: str) -> DamagedOutput:
        """The error for one of the files: `name` is ..., `how` says what is wrong with it."""
        return DamagedOutput(
            f"Stored data is damaged: file {name!r} of {self.kind} {self.label!r} {how}.",
            where=str(self.path / name),
            fix=f"remove the folder {self.path.parent} and run the study again: only this is made anew; "
            "`iin verify` checks everything else",
        )


def read_output(folder: UPath, kind: str, key: str) -> Output | None:
    """The sealed output in a key's folder; None if it is not sealed.

    Raises:
        DamagedOutput: a manifest that cannot be read or belongs elsewhere, or a missing file.
        EnvironmentProblem: a manifest of a newer version of iin.
    """
    try:
        text = (folder / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    manifest = _parse(text, folder)
    if manifest["kind"] != kind or manifest["key"] != key:
        raise _bad_manifest(folder, f"it is that of {manifest['kind']} {manifest['key'][:12]}")
    output = Output(kind, key, folder / manifest["attempt"], manifest)
    output.check()
    return output


def _parse(text: bytes, folder: UPath) -> dict[str, Any]:
    try:
        manifest = json.loads(text)
        version = manifest["format"]
        complete = all(name in manifest for name in ("kind", "key", "attempt", "files", "meta", "times"))
    except (ValueError, KeyError, TypeError) as error:
        raise _bad_manifest(folder, "it is not a whole manifest") from error
    if version > FORMAT:
        raise EnvironmentProblem(
            f"An output was sealed by a newer version of iin (format {version}, this one reads {FORMAT}).",
            where=str(folder / MANIFEST),
            fix="upgrade iin, or choose another root with --root or IIN_ROOT",
        )
    attempt = str(manifest.get("attempt"))
    if not complete or "/" in attempt or attempt in ("", ".", ".."):
        raise _bad_manifest(folder, "it is not a whole manifest")
    return cast("dict[str, Any]", manifest)


def _bad_manifest(folder: UPath, why: str) -> DamagedOutput:
    return DamagedOutput(
        f"Stored data is damaged: a manifest cannot be used, {why}.",
        where=str(folder / MANIFEST),
        fix=f"remove the folder {folder} and run the study again: only this is made anew",
    )


def identity(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What must be equal for two outputs to be *identical*: all but times, host and attempt."""
    return {name: value for name, value in manifest.items() if name not in _NOT_IDENTITY}


def file_sha256(path: UPath | Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()
