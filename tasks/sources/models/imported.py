"""Networks from a factory of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from tasks.errors import StudyError
from tasks.sources.imported import resolve
from tasks.study import SourceSpec


def open_factory(source: SourceSpec, folder: Path) -> Callable[..., Any]:
    """Return the factory that the import path names.

    Raises:
        StudyError: see `tasks.sources.imported`; or the path names a finished model.
    """
    path = str(source.import_)
    factory = resolve(path, folder)
    if isinstance(factory, nn.Module):
        raise StudyError(
            f"{path!r} is a finished {type(factory).__name__}, not a factory.",
            where=f"import path {path!r}",
            fix="name a function that returns a new model each time it is called",
        )
    return factory  # type: ignore[no-any-return]
