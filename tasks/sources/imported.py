"""Code of the user's own, named as `package.module:attribute`."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, chdir, nullcontext
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from iin_core.errors import IinError, nearest
from tasks.errors import StudyError

ALLOW_CODE = "IIN_ALLOW_CODE"
"""Comma-separated packages that a study may name; unset means a run by hand: all."""

FAULTS = (Exception, SystemExit)
"""What code of the user's own may raise: a script that reads its command line exits when imported."""

_study_folders: set[str] = set()


def resolve(path: str, folder: Path) -> Any:
    """The object that an import path names.

    Args:
        path: ``package.module:attribute``.
        folder: of the study, searched after everything that is installed.

    Raises:
        StudyError: the code is not allowed, there is no such module or attribute, the module raises
            while it is imported, or another module of that name comes first.
    """
    module_name, _, attribute = path.partition(":")
    check_allowed(module_name)
    _append(folder)
    _forget_other_study(module_name, folder)
    _refuse_shadowed(module_name, folder)
    value: Any = _import(module_name, path, folder)
    for part in attribute.split("."):
        if not hasattr(value, part):
            known = [name for name in dir(value) if not name.startswith("_")]
            raise StudyError(
                f"{module_name!r} has no attribute {attribute!r}.",
                where=f"import path {path!r}, {getattr(value, '__file__', None) or module_name}",
                fix=f"nearest: {nearest(part, known)}",
            )
        value = getattr(value, part)
    return value


def check_allowed(module_name: str) -> None:
    """Refuse code that the operator did not allow.

    Raises:
        StudyError: IIN_ALLOW_CODE is set and names no package that holds the module.
    """
    allowed = os.environ.get(ALLOW_CODE)
    if allowed is None:
        return
    packages = [name.strip() for name in allowed.split(",") if name.strip()]
    if not any(module_name == name or module_name.startswith(f"{name}.") for name in packages):
        raise StudyError(
            f"The study names code from {module_name!r}, which the operator has not allowed.",
            where=f"{ALLOW_CODE}={allowed}",
            fix=f"ask the operator to add {module_name.split('.')[0]!r}, or use one of: "
            f"{', '.join(packages) or 'built-in names only'}",
        )


def call(factory: Callable[..., Any], arguments: Mapping[str, Any], path: str, folder: Path) -> Any:
    """Call a factory of the user's in the study's folder and say where it failed.

    Args:
        factory: what `path` names.
        arguments: by keyword.
        path: how the study names it.
        folder: of the study, from which the factory's relative paths start, here and on every worker.

    Raises:
        StudyError: it cannot be called so, or it raises; `where` is the user's own file and line.
    """
    if not callable(factory):
        raise StudyError(
            f"{path!r} is a {type(factory).__name__} and cannot be called.",
            where=f"import path {path!r}",
            fix="name a function or class that makes what the study needs",
        )
    _check_arguments(factory, arguments, path)
    try:
        with _inside(folder):
            return factory(**arguments)
    except IinError:
        raise
    except FAULTS as error:
        fix = "make the call work in Python first: it is called with the study's `arguments`"
        raise raised(error, repr(path), fix) from error


def raised(error: BaseException, what: str, fix: str) -> StudyError:
    """The error for an exception of the user's own code, with the user's own file and line.

    Args:
        error: the exception.
        what: what raised it.
        fix: what to do.
    """
    return StudyError(f"{what} raised {_named(error)}.", where=_last_frame(error) or what, fix=fix)


def _check_arguments(factory: Callable[..., Any], arguments: Mapping[str, Any], path: str) -> None:
    try:
        signature = inspect.signature(factory)
    except (ValueError, TypeError):  # built in C: the call itself will tell
        return
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise StudyError(
            f"{path!r} cannot be called with the arguments {sorted(arguments)}: {error}.",
            where=f"{path}{signature}",
            fix="correct `arguments:` in the study",
        ) from error


def _inside(folder: Path) -> AbstractContextManager[None]:
    """In the study's folder; a node of a cluster may not have it."""
    return chdir(folder) if folder.is_dir() else nullcontext()


def _append(folder: Path) -> None:
    """User code comes last, so that a file of the user's cannot stand in for an installed package."""
    _study_folders.add(str(folder))
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
        importlib.invalidate_caches()


def _own(module_name: str, folder: Path) -> Path | None:
    """The file or folder beside the study that the user means by a module's name."""
    top = module_name.split(".")[0]
    candidates = (folder / f"{top}.py", folder / top / "__init__.py", folder / top)
    return next((path for path in candidates if path.is_file() or path.is_dir()), None)


def _forget_other_study(module_name: str, folder: Path) -> None:
    """A process may read two studies that both have a `models.py` of their own."""
    top = module_name.split(".")[0]
    loaded = sys.modules.get(top)
    origin = Path(getattr(loaded, "__file__", None) or "/").resolve()
    others = {Path(other) for other in _study_folders - {str(folder)}}
    if _own(module_name, folder) is None or not others & set(origin.parents) or folder in origin.parents:
        return
    for name in [name for name in sys.modules if name == top or name.startswith(f"{top}.")]:
        del sys.modules[name]
    for other in others & set(origin.parents):
        sys.path[:] = [path for path in sys.path if path != str(other)]
        _study_folders.discard(str(other))


def _refuse_shadowed(module_name: str, folder: Path) -> None:
    own = _own(module_name, folder)
    if own is None:
        return
    top = module_name.split(".")[0]
    loaded = sys.modules.get(top)
    spec = getattr(loaded, "__spec__", None) or PathFinder.find_spec(top)
    origins = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
    if not origins or any(folder in Path(origin).resolve().parents for origin in origins if origin):
        return
    raise StudyError(
        f"{top!r} beside the study is hidden by another module of that name.",
        where=f"{own}, hidden by {next(origin for origin in origins if origin)}",
        fix=f"rename {own.name!r}; names like tasks, flows and iin_core belong to this program",
    )


def _import(module_name: str, path: str, folder: Path) -> ModuleType:
    try:
        with _inside(folder):
            return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise _raised_on_import(module_name, error) from error
        beside = [module.name for module in pkgutil.iter_modules([str(folder)])]
        raise StudyError(
            f"There is no module {error.name!r}.",
            where=f"import path {path!r}, searched in the environment and in {folder}",
            fix=f"install it, or correct the name; beside the study: {nearest(module_name, beside)}",
        ) from error
    except FAULTS as error:
        raise _raised_on_import(module_name, error) from error


def _raised_on_import(module_name: str, error: BaseException) -> StudyError:
    fix = f"make `python -c 'import {module_name}'` work from the study's folder first"
    problem = raised(error, f"Importing {module_name!r}", fix)
    if isinstance(error, SyntaxError) and error.filename:
        problem.where = f"{error.filename}:{error.lineno}"
    return problem


def _named(error: BaseException) -> str:
    text = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _last_frame(error: BaseException) -> str:
    """The deepest line that is neither ours nor an installed package's, else the deepest at all."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    frames = [frame for frame in frames if "importlib" not in frame.filename]
    user = [
        frame
        for frame in frames
        if "site-packages" not in frame.filename and "/lib/python" not in frame.filename
    ]
    chosen = (user or frames)[-1:]
    return f"{chosen[0].filename}:{chosen[0].lineno}" if chosen else ""
