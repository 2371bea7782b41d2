"""The errors of the science layer: what is wrong, where, and what to do about it."""

from __future__ import annotations

from typing import Any, ClassVar


class IinError(Exception):
    """A fault that a person can act on.

    Args:
        what: one sentence that says what is wrong.
        where: file and line, field, layer, row: the place to look at.
        fix: what to do.
    """

    exit_code: ClassVar[int] = 70
    anchor: ClassVar[str] = "internal"

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.what = what
        self.where = where
        self.fix = fix
        super().__init__(what)

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.fix:
            lines.append(f"  to do: {self.fix}")
        lines.append(f"  more:  docs/errors.md#{self.anchor}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.what, self.where, self.fix)


def _rebuild(kind: type[IinError], what: str, where: str, fix: str) -> IinError:
    return kind(what, where=where, fix=fix)


class InputError(IinError, ValueError):
    """Arrays, tables or settings that cannot be used as they are."""

    exit_code = 2
    anchor = "input"


class InputWarning(UserWarning):
    """Input that can be used, but not without a word."""


class ModelError(IinError):
    """The network under study cannot be built, run or edited as asked."""

    exit_code = 2
    anchor = "model"


class CheckpointError(IinError):
    """A file that should hold an interpreter or a flow does not."""

    exit_code = 2
    anchor = "checkpoint"


class DivergedError(IinError):
    """Training produced values that are not finite."""

    exit_code = 4
    anchor = "diverged"


def nearest(name: str, known: list[str], n: int = 3) -> str:
    """Name the closest known names, for the `fix` line of an error about an unknown one."""
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=n, cutoff=0.4) or known[:n]
    return ", ".join(close) if close else "none"
