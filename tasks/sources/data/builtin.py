"""Data that the package brings along."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from iin_core.errors import nearest
from iin_core.examples import DATA
from tasks.errors import StudyError
from tasks.sources.data import arrays, image_folder, parquet, sketches
from tasks.sources.imported import call
from tasks.study import SourceSpec

FROM_FILES: dict[str, Callable[[SourceSpec, Path], Any]] = {
    arrays.NAME: arrays.open_source,
    image_folder.NAME: image_folder.open_source,
    parquet.NAME: parquet.open_source,
    sketches.NAME: sketches.open_source,
}
"""Name → what makes a data set of files of the user's."""


def open_source(spec: SourceSpec, folder: Path) -> Any:
    """Make a built-in data set.

    Raises:
        StudyError: no built-in of that name, or arguments that it does not take.
    """
    name = str(spec.builtin)
    if name in FROM_FILES:
        return FROM_FILES[name](spec, folder)
    if name not in DATA:
        raise StudyError(
            f"There is no built-in data set {name!r}.",
            where="data.source",
            fix=f"nearest: {nearest(name, [*sorted(DATA), *FROM_FILES])}; "
            "or {import: package.module:factory}",
        )
    return call(DATA[name], spec.arguments, name, folder)
