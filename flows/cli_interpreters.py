"""`iin export` and `iin import`: interpreters as folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows import console
from flows.options import Json, RootUrl
from flows.settings import resolve
from tasks.errors import EnvironmentProblem, StudyError

if TYPE_CHECKING:
    from tasks.output import Output, Root

Folder = Annotated[str, typer.Argument(metavar="DIR", help="The folder to make.")]


def export(
    unit: Annotated[
        str, typer.Argument(metavar="UNIT", help="The unit's name (`iin status`), or the start of its key.")
    ],
    folder: Folder,
    root: RootUrl = None,
    as_json: Json = False,
) -> None:
    """Write a unit's interpreter as a folder.

    `iin_core.Interpreter.load` reads it.
    """
    from iin_core.interpreter import Interpreter
    from tasks.output import open_root

    output = _find(open_root(resolve(root=root).root, create=False), unit)
    output.verify()
    interpreter = Interpreter.load(_local(output))
    _save(interpreter, folder)
    if as_json:
        console.show_json({"unit": output.label, "key": output.key, "folder": folder})
    else:
        console.say(f"{output.label} -> {folder}")


def _find(root: Root, unit: str) -> Output:
    outputs = list(root.outputs("units"))
    found = [output for output in outputs if output.label == unit]
    if not found and len(unit) >= 6:
        found = [output for output in outputs if output.key.startswith(unit)]
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(output.key[:12] for output in found)
        raise StudyError(
            f"{len(found)} units of this root are called {unit!r}.",
            where=root.url,
            fix=f"give the start of a key instead: {listed} (`iin plan STUDY --json` says which is whose)",
        )
    from iin_core.errors import nearest

    raise StudyError(
        f"There is no sealed unit {unit!r}.",
        where=root.url,
        fix=f"nearest: {nearest(unit, sorted({output.label for output in outputs}))}",
    )


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
        str,
        typer.Option(
            "--blocks", metavar="NAME=DIMS,...", help="The blocks in order: digit=22,colour=11,residual=31."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Make an interpreter of a published checkpoint.

    No checkpoint holds the names and dimensions of its blocks, so they are to be given.
    """
    from iin_core.published import load_published

    interpreter = load_published(checkpoint, blocks=_blocks(blocks))
    _save(interpreter, folder)
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


def _save(interpreter, folder: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    path = Path(folder)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise StudyError("The folder is not empty.", where=folder, fix="give a folder that is not there yet")
    try:
        interpreter.save(path)
    except OSError as error:
        raise EnvironmentProblem(
            f"The interpreter cannot be written: {error.strerror or error}.",
            where=folder,
            fix="give a folder in which you may write",
        ) from error
