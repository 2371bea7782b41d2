"""Figures of experiments: one that cannot be drawn is told of, and the numbers stay."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec

from iin_core.errors import IinError
from tasks.experiments.found import Drawn, Undrawn
from tasks.memory import out_of_memory

_MOST = 300
_STOPS = (3, 5)
"""Exit codes of what every other experiment meets too: a damaged output, a machine that cannot."""
_log = logging.getLogger("tasks")
_Arguments = ParamSpec("_Arguments")


def figure(
    name: str,
) -> Callable[[Callable[_Arguments, Drawn | Iterable[Drawn]]], Callable[_Arguments, list[Drawn | Undrawn]]]:
    """Make a function that draws one that gives back what it drew, and what it could not, with the reason.

    A figure is one view of numbers that are there already: it must not take them with it. What it drew
    before it raised is kept. A full disk, memory that is used up, and a damaged output are not the figure's.

    Args:
        name: of the figure, as a person calls it.
    """

    def decorate(
        draw: Callable[_Arguments, Drawn | Iterable[Drawn]],
    ) -> Callable[_Arguments, list[Drawn | Undrawn]]:
        @wraps(draw)
        def drawn(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> list[Drawn | Undrawn]:
            found: list[Drawn | Undrawn] = []
            try:
                made = draw(*args, **kwargs)
                for entry in (made,) if isinstance(made, Drawn) else made:
                    found.append(entry)  # noqa: PERF402 - what was drawn before an error is kept
            except Exception as error:
                if not _is_of_the_figure(error):
                    raise
                missing = Undrawn(name, _why(error))
                found.append(missing)
                _log.warning("%s could not be drawn: %s", name, missing.why)
            return found

        return drawn

    return decorate


def _is_of_the_figure(error: Exception) -> bool:
    if isinstance(error, IinError):
        return error.exit_code not in _STOPS
    return not (isinstance(error, OSError) or out_of_memory(error))


def _why(error: Exception) -> str:
    """What an error says, on one line, cut: messages may hold a whole label of a user."""
    said = f"{error.what} {error.fix}" if isinstance(error, IinError) else f"{type(error).__name__}: {error}"
    line = " ".join(said.split())
    return line if len(line) <= _MOST else f"{line[: _MOST - 1]}…"
