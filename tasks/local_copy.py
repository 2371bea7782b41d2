"""Files of outputs on this machine, for code that takes paths only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from upath import UPath

from tasks.output import Output
from tasks.storage import is_local


@contextmanager
def local_copy(output: Output, folder: str = "") -> Iterator[Path]:
    """A sealed output, or a folder of it: itself where it lies here, else a copy for the block.

    Raises:
        DamagedOutput: the output has no such folder, or one of its files is missing, cut short or changed.
    """
    inside = [name for name in output.files if not folder or name.startswith(f"{folder}/")]
    if not inside:
        raise output.damaged("has no such folder in its manifest", folder)
    if is_local(output.path):
        for name in inside:
            output.read(name)
        yield Path(str(output.path)) / folder
        return
    with TemporaryDirectory(prefix="iin-") as temporary:
        for name in inside:
            target = Path(temporary) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(output.read(name))
        yield Path(temporary) / folder


@contextmanager
def local_folder(folder: UPath) -> Iterator[Path]:
    """A folder for code that writes to local paths: itself where it lies here, else copied there."""
    if is_local(folder):
        yield Path(str(folder))
        return
    with TemporaryDirectory(prefix="iin-") as temporary:
        yield Path(temporary)
        for path in Path(temporary).rglob("*"):
            if path.is_file():
                target = folder / path.relative_to(temporary).as_posix()
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
