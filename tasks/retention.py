"""What a root holds that is damaged, unwanted or left behind by a killed run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from upath import UPath

from tasks.cluster import FOLDER_PREFIX, OWNER, temporary_folder
from tasks.errors import DamagedOutput
from tasks.lease import FOLDER, leases, live_keys
from tasks.output import CHECKPOINTS, Root
from tasks.process import parse_process
from tasks.sealed import MANIFEST, read_output
from tasks.step import KINDS
from tasks.storage import remove_tree
from tasks.study_record import read_record, study_names


@dataclass(frozen=True)
class Leftover:
    """Something that nothing refers to: where, how large, and why it may go."""

    path: UPath
    bytes: int
    why: str


def verify(root: Root) -> Iterator[tuple[str, DamagedOutput | None]]:
    """Read every file of every sealed output again.

    Returns:
        For each output what it is called, and its damage; it goes on after a damaged one.
    """
    for kind in KINDS:
        for folder in root.key_folders(kind):
            called = f"{kind} {folder.name[:12]}"
            try:
                output = read_output(folder, kind, folder.name)
                if output is None:
                    continue
                called = f"{kind} {output.label}"
                output.verify()
            except DamagedOutput as error:
                yield called, error
            else:
                yield called, None


def unwanted(root: Root) -> list[Leftover]:
    """List attempts that were never sealed, outputs of no recorded study, and half-written files.

    What somebody holds a lease on is left alone.

    Raises:
        DamagedOutput, EnvironmentProblem: a study's record cannot be read, so that it is not known
            what is wanted.
    """
    wanted = {step.key for name in study_names(root) for step in read_record(root, name).keys}
    live = live_keys(root)
    found = [*_drafts(root), *_checkpoints(root, wanted, live)]
    for kind in KINDS:
        for folder in root.key_folders(kind):
            if folder.name not in live:
                found += _in_key_folder(folder, folder.name in wanted)
    return found


def remove(root: Root, leftovers: Iterable[Leftover]) -> int:
    """Remove what `unwanted` listed, but for what has come to be held since; return the bytes freed."""
    live = live_keys(root)
    freed = 0
    for leftover in leftovers:
        if live.isdisjoint([*leftover.path.parts, leftover.path.name.split(".")[0]]):
            remove_tree(leftover.path)
            freed += leftover.bytes
    return freed


def tidy(root: Root) -> list[str]:
    """Remove what killed runs left: leases of dead owners, temporary folders of dead local clusters.

    Returns:
        A line for each thing that was removed.
    """
    lines = []
    for path, lease in leases(root):
        if lease is None or lease.is_free():
            path.unlink(missing_ok=True)
            holder = "nobody" if lease is None else lease.holder()
            lines.append(f"lease on {path.stem[:12] if lease is None else repr(lease.label)} of {holder}")
    return lines + [f"temporary folder {folder}" for folder in _dead_cluster_folders()]


def _in_key_folder(folder: UPath, is_wanted: bool) -> list[Leftover]:
    try:
        output = read_output(folder, folder.parent.parent.name, folder.name)
    except DamagedOutput:
        # `iin verify` tells of it; here it would be mistaken for something that nobody needs.
        return []
    if output is not None and not is_wanted:
        return [_leftover(folder, f"{output.kind} {output.label}: no study in this root refers to it")]
    keep = set() if output is None else {MANIFEST, output.path.name}
    why = "an attempt that was never sealed" if output is None else "an attempt that another one beat"
    return [_leftover(path, why) for path in sorted(folder.iterdir(), key=str) if path.name not in keep]


def _drafts(root: Root) -> Iterator[Leftover]:
    for folder in (root.path, root.path / FOLDER, root.path / "studies", root.path / CHECKPOINTS):
        if folder.is_dir():
            for path in sorted(folder.iterdir(), key=str):
                if path.suffix == ".tmp":
                    yield _leftover(path, "a file that was not written to its end")


def _checkpoints(root: Root, wanted: set[str], live: set[str]) -> Iterator[Leftover]:
    """Checkpoints of units that no study trains any more, or that are sealed."""
    folder = root.path / CHECKPOINTS
    for path in sorted(folder.iterdir(), key=str) if folder.is_dir() else []:
        key = path.name.split(".")[0]
        if key in live or path.suffix == ".tmp":
            continue
        if key not in wanted:
            yield _leftover(path, "a checkpoint of a training that no study in this root refers to")
        elif (root.folder("units", key) / MANIFEST).exists():
            yield _leftover(path, "a checkpoint of a training that is sealed")


def _leftover(path: UPath, why: str) -> Leftover:
    files = path.rglob("*") if path.is_dir() else [path]
    return Leftover(path, sum(file.stat().st_size for file in files if file.is_file()), why)


def _dead_cluster_folders() -> Iterator[Path]:
    for folder in Path(temporary_folder()).glob(f"{FOLDER_PREFIX}*"):
        try:
            ours = folder.lstat().st_uid == os.getuid() and not folder.is_symlink()
            owner = parse_process((folder / OWNER).read_text())
        except OSError:
            continue
        if ours and owner is not None and owner.is_dead():
            shutil.rmtree(folder, ignore_errors=True)
            yield folder
