"""Files of a sealed output on this machine, for code that takes paths only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tasks.output import Output


@contextmanager
def local_copy(output: Output, folder: str = "") -> Iterator[Path]:
    """A sealed output, or a folder of it: itself where it lies here, else a copy for the block.

    Raises:
        DamagedOutput: the output has no such folder, or one of its files is missing or cut short.
    """
    inside = [name for name in output.files if not folder or name.startswith(f"{folder}/")]
    if not inside:
        raise output.damaged("has no such folder in its manifest", folder)
    paths = {name: output.file(name) for name in inside}
    if isinstance(output.path, Path):
        yield Path(output.path) / folder
        return
    with TemporaryDirectory(prefix="iin-") as temporary:
        for name, path in paths.items():
            target = Path(temporary) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
        yield Path(temporary) / folder
