"""Data that the package brings along."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from iin_core.errors import nearest
from iin_core.examples import DATA
from tasks.errors import StudyError
from tasks.sources.data import sketches
from tasks.sources.imported import call
from tasks.study import SourceSpec


def open_source(spec: SourceSpec, folder: Path) -> Any:
    """Make a built-in data set.

    Raises:
        StudyError: no built-in of that name, or arguments that it does not take.
    """
    name = str(spec.builtin)
    if name == sketches.NAME:
        return sketches.open_source(spec, folder)
    if name not in DATA:
        raise StudyError(
            f"There is no built-in data set {name!r}.",
            where="data.source",
            fix=f"nearest: {nearest(name, [*sorted(DATA), sketches.NAME])}; "
            "or {import: package.module:factory}",
        )
    return call(DATA[name], spec.arguments, name, folder)
