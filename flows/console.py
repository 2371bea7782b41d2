"""What a person sees: plain text out of hostile names, tables, JSON, and errors in three lines."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import traceback
from collections.abc import Iterable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

import typer

from flows.exit_codes import INTERNAL, INTERRUPTED
from iin_core.errors import IinError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

Parameters = ParamSpec("Parameters")

_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.")
_NUMBER = re.compile(r"[-+]?[\d.]+(e[-+]?\d+)?|n/a|-?inf|")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def clean(text: object) -> str:
    """The text without what could move a terminal's cursor, colour it, or turn its direction."""
    return _CONTROLS.sub("", _ESCAPES.sub("", str(text)))


def console(*, stderr: bool = False) -> Console:
    """A console that takes no markup: a name such as `[red]` is shown as it is written."""
    from rich.console import Console

    # Without a terminal nobody can widen the window, so nothing may be cut to 80 columns.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 160
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=False, width=width)


def say(text: object = "") -> None:
    """Print a line to standard output."""
    typer.echo(clean(text))


def note(text: object) -> None:
    """Print a line to standard error: progress and warnings, so that output can be piped."""
    typer.echo(clean(text), err=True)


def warn(text: object) -> None:
    """Print a warning."""
    note(f"warning: {text}")


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """Print a table; cells are text as it stands."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    cells = [[clean("" if cell is None else cell) for cell in row] for row in rows]
    table = Table(box=SIMPLE_HEAD)
    table.padding = (0, 1, 0, 0)
    for i, column in enumerate(columns):
        # In a narrow terminal names go on in the next line; a number that is cut would be another one.
        numbers = bool(cells) and all(_NUMBER.fullmatch(row[i]) for row in cells)
        table.add_column(
            Text(clean(column)),
            justify="right" if numbers else "left",
            no_wrap=numbers,
            overflow="fold",
        )
    for row in cells:
        table.add_row(*map(Text, row))
    if title:
        # As a table's own title it would be folded to the width of a narrow table.
        console().print(Text(clean(title), style="italic"))
    console().print(table)


def show_json(value: Any) -> None:
    """Print facts for a program. NaN and infinity become null, which JSON has no words for."""
    typer.echo(json.dumps(_plain(value), indent=2, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if hasattr(value, "item"):
        return _plain(value.item())
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def number(value: float | None, digits: int = 3) -> str:
    """A score for a table; what does not apply is said in words, never as 0 or blank."""
    return "n/a" if value is None or value != value else f"{value:.{digits}f}"


def size(n_bytes: float) -> str:
    """Bytes for a person: `12.3 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if n_bytes < 1024:
            return f"{n_bytes:.0f} {unit}" if unit == "B" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1024
    return f"{n_bytes:.1f} TiB"


def duration(seconds: float) -> str:
    """Seconds for a person: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def fail(error: IinError) -> None:
    """Print an error as what, where, what to do."""
    typer.echo("error: " + "\n".join(clean(line) for line in str(error).split("\n")), err=True)


def guarded(command: Callable[Parameters, object]) -> Callable[Parameters, None]:
    """Wrap a command so that each way to fail ends with its message and its exit code."""

    @wraps(command)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except IinError as error:
            fail(error)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as error:
            raise typer.Exit(INTERRUPTED) from error
        except BrokenPipeError as error:
            # The reader of our output has gone (`iin results | head`); Python would complain at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from error
        except Exception as error:
            _internal(error)
            raise typer.Exit(INTERNAL) from error
        if isinstance(code, int) and code:
            raise typer.Exit(code)

    return run


def _internal(error: Exception) -> None:
    with tempfile.NamedTemporaryFile("w", prefix="iin-error-", suffix=".txt", delete=False) as file:
        traceback.print_exception(error, file=file)
    fail(
        IinError(
            f"Something went wrong inside iin: {type(error).__name__}: {error}",
            where=file.name,
            fix="report it with that file; what was sealed is safe, the same command goes on from it",
        )
    )
