"""Data from a factory of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tasks.sources.imported import call, resolve
from tasks.study import SourceSpec


def open_source(spec: SourceSpec, folder: Path) -> Any:
    """Call the factory that the import path names.

    Raises:
        StudyError: see `tasks.sources.imported`.
    """
    path = str(spec.import_)
    return call(resolve(path, folder), spec.arguments, path, folder)
