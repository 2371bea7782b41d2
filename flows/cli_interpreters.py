"""`iin export` and `iin import`: interpreters, and what experiments found, as folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows import console
from flows.options import Json, RootUrl
from flows.settings import resolve
from iin_core.errors import nearest
from tasks.errors import EnvironmentProblem, StudyError

if TYPE_CHECKING:
    from tasks.output import Output, Root
    from tasks.step import Kind

SHORTEST_KEY = 6
"""Characters from which a start of a key is looked for."""
_KINDS: tuple[Kind, ...] = ("units", "experiments")
Folder = Annotated[str, typer.Argument(metavar="DIR", help="The folder to make.")]


def export(
    unit: Annotated[
        str,
        typer.Argument(metavar="UNIT", help="The name of a unit or experiment, or the start of its key."),
    ],
    folder: Folder,
    root: RootUrl = None,
    as_json: Json = False,
) -> None:
    """Write a unit's interpreter, or what an experiment found, as a folder.

    `iin_core.Interpreter.load` reads the one; the other has tables, figures and numbers as they were sealed.
    """
    from iin_core.interpreter import Interpreter
    from tasks.output import open_root

    output = _find(open_root(resolve(root=root).root, create=False), unit)
    output.verify()
    if output.kind == "experiments":
        _write(folder, lambda path: _copy(output, path))
    else:
        interpreter = Interpreter.load(_local(output))
        _write(folder, interpreter.save)
    if as_json:
        console.show_json({"unit": output.label, "key": output.key, "folder": folder})
    else:
        console.say(f"{output.label} -> {folder}")


def _copy(output: Output, folder: Path) -> None:
    """Every file of an output, and its manifest, which says of what it was made."""
    for name in output.files:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(output.read(name))
    manifest = json.dumps(output.manifest, indent=1, ensure_ascii=False)
    (folder / "manifest.json").write_text(f"{manifest}\n", encoding="utf-8")


def _find(root: Root, unit: str) -> Output:
    named = _keys_by_name(root)
    keys = named.get(unit, set())
    if not keys and len(unit) >= SHORTEST_KEY:
        keys = {
            (kind, folder.name)
            for kind in _KINDS
            for folder in root.key_folders(kind)
            if folder.name.startswith(unit)
        }
    if len(keys) == 1:
        return root.open(*keys.pop())
    if keys:
        which = "units" if all(kind == "units" for kind, _ in keys) else "outputs"
        raise StudyError(
            f"{len(keys)} {which} of this root are called {unit!r}.",
            where=root.url,
            fix=f"give the start of a key: {', '.join(sorted(key[:12] for _, key in keys))} "
            "(`iin plan STUDY --json` says which is whose)",
        )
    raise StudyError(
        f"There is no sealed unit or experiment {unit!r}.",
        where=root.url,
        fix=f"nearest: {nearest(unit, sorted(named))}",
    )


def _keys_by_name(root: Root) -> dict[str, set[tuple[Kind, str]]]:
    """The sealed units and experiments of all studies, each as it was last run in this root."""
    from tasks.study_record import read_record, study_names

    named: dict[str, set[tuple[Kind, str]]] = {}
    for study in study_names(root):
        record = read_record(root, study)
        found: list[tuple[str, Kind, str]] = [(unit.name, "units", unit.train) for unit in record.units]
        found += [(entry.label, "experiments", entry.key) for entry in record.experiments]
        for name, kind, key in found:
            if (root.folder(kind, key) / "manifest.json").exists():
                named.setdefault(name, set()).add((kind, key))
    return named


def _local(output: Output) -> Path:
    """The interpreter's folder on this machine, copied there if the root is elsewhere."""
    from tasks.storage import is_local

    folder = output.path / "interpreter"
    if is_local(folder):
        return Path(str(folder))
    import tempfile

    copy = Path(tempfile.mkdtemp(prefix="iin-export-"))
    folder.fs.get(folder.path, str(copy), recursive=True)
    return copy


def import_(
    checkpoint: Annotated[str, typer.Argument(metavar="CKPT", help="A published checkpoint.")],
    folder: Folder,
    blocks: Annotated[
        str | None,
        typer.Option(
            "--blocks", metavar="NAME=DIMS,...", help="The blocks in order: digit=22,colour=11,residual=31."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make an interpreter of a published checkpoint.

    No checkpoint holds the names and dimensions of its blocks, so they are to be given; a conditional
    flow has none.
    """
    from iin_core.published import load_published

    if (Path(checkpoint) / "found.json").is_file():
        raise StudyError(
            "This is what an experiment found, and no checkpoint.",
            where=checkpoint,
            fix="read its tables as CSV; an experiment belongs to its study, and no root takes it in",
        )
    named = None if blocks is None else _blocks(blocks)
    interpreter = load_published(checkpoint) if named is None else load_published(checkpoint, named)
    _write(folder, interpreter.save)
    if as_json:
        console.show_json({"folder": folder, "blocks": dict(interpreter.blocks.dims)})
    else:
        console.say(f"{checkpoint} -> {folder}")


def _blocks(text: str) -> dict[str, int]:
    blocks = {}
    for entry in text.split(","):
        name, _, dims = entry.partition("=")
        if not name.strip() or not dims.strip().isdigit() or name.strip() in blocks:
            raise StudyError(
                f"{entry.strip()!r} is not a block.",
                where="--blocks",
                fix="give each block once with its dimensions, in order: digit=22,colour=11,residual=31",
            )
        blocks[name.strip()] = int(dims)
    return blocks


def _write(folder: str, write: Callable[[Path], None]) -> None:
    path = Path(folder)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise StudyError("The folder is not empty.", where=folder, fix="give a folder that is not there yet")
    try:
        write(path)
    except OSError as error:
        raise EnvironmentProblem(
            f"The folder cannot be written: {error.strerror or error}.",
            where=folder,
            fix="give a folder in which you may write",
        ) from error
