"""Data sources: each gives inputs of the model and a table with one row for each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks.sources.data import builtin, imported
from tasks.sources.data.data import Data, make_data
from tasks.sources.data.inputs import Inputs
from tasks.study import SourceSpec

SOURCES: dict[str, Callable[[SourceSpec, Path], Any]] = {
    "builtin": builtin.open_source,
    "import": imported.open_source,
}
"""The field of a source → what opens it."""

__all__ = ["SOURCES", "Data", "Inputs", "make_data", "open_data"]


def open_data(spec: SourceSpec, folder: Path) -> Data:
    """Open a data set.

    Args:
        spec: the study's `data.source`.
        folder: of the study.

    Raises:
        StudyError: it cannot be opened, or inputs and table do not fit each other.
    """
    kind, name = ("builtin", spec.builtin) if spec.builtin else ("import", spec.import_)
    return make_data(SOURCES[kind](spec, folder), str(name))
