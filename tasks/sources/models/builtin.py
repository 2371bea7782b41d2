"""Networks that the package brings along."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from iin_core.errors import nearest
from tasks.errors import StudyError
from tasks.study import SourceSpec


def open_factory(source: SourceSpec, folder: Path) -> Callable[..., Any]:
    """Return the factory of a built-in network.

    Raises:
        StudyError: no built-in of that name.
    """
    from iin_core.examples import MODELS

    name = str(source.builtin)
    if name not in MODELS:
        raise StudyError(
            f"There is no built-in model {name!r}.",
            where="model source",
            fix=f"nearest: {nearest(name, sorted(MODELS))}; or {{import: package.module:factory}}",
        )
    factory: Callable[..., Any] = MODELS[name]
    return factory


def package() -> ModuleType:
    """The package in which the built-in networks are defined."""
    import iin_core.examples

    return iin_core.examples
