"""`iin init`: a study file to start from."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from iin_core.errors import nearest
from tasks.errors import EnvironmentProblem, StudyError

EXAMPLES = {
    "digits": "the demo: two small networks that the study fits itself",
    "own": "a network and data of your own, in a Python file beside the study",
}


def write_study(folder: Path, name: str | None, example: str) -> list[Path]:
    """Write a commented study, called study.yaml or after its name, and what it needs beside it.

    Args:
        folder: where.
        name: the study's name; the file is then called `<name>.yaml`.
        example: one of `EXAMPLES`.

    Returns:
        The files written.

    Raises:
        StudyError: no such example, a name that a study cannot have, or a file that is there already.
        EnvironmentProblem: no right to write there.
    """
    if example not in EXAMPLES:
        raise StudyError(
            f"There is no example {example!r}.", where="--from", fix=f"use {nearest(example, list(EXAMPLES))}"
        )
    if name is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}", name):
        raise StudyError(
            f"A study cannot be called {name!r}.",
            where="NAME",
            fix="use letters, digits, - and _, beginning with a letter or digit",
        )
    written = [(folder / f"{name or 'study'}.yaml", f"{example}.yaml")]
    module = re.sub(r"\W", "_", name or "study")
    module = (module if module.isidentifier() else f"_{module}") + "_source"
    if example == "own":
        written.append((folder / f"{module}.py", "own.py.txt"))
    words = {"name": name or example, "file": written[0][0].name, "module": module}
    for path, template in written:
        _write(path, (files("flows") / "templates" / template).read_text("utf-8").format(**words))
    return [path for path, _ in written]


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise StudyError(
            f"{path.name} is there already.", where=str(path), fix="give another NAME, or move it away"
        ) from error
    except OSError as error:
        raise EnvironmentProblem(
            f"{path.name} cannot be written: {error.strerror}.",
            where=str(path.parent),
            fix="go to a folder in which you may write",
        ) from error
