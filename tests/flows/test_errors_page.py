"""docs/errors.md and docs/commands.md keep up with the code."""

from __future__ import annotations

import re
from pathlib import Path

import iin_core.errors
import tasks.errors
from flows.cli import COMMANDS
from flows.exit_codes import PRECEDENCE
from iin_core.errors import IinError

DOCS = Path(__file__).parents[2] / "docs"


def _errors() -> list[type[IinError]]:
    return [
        kind
        for module in (iin_core.errors, tasks.errors)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, IinError)
    ]


def test_every_error_has_its_entry() -> None:
    """And no entry is without an error."""
    entries = re.findall(r"^## (\w+)$", (DOCS / "errors.md").read_text(), re.MULTILINE)
    assert sorted(entries) == sorted({kind.anchor for kind in _errors()})


def test_every_exit_code_is_explained() -> None:
    """Those of the classes, and those of the command."""
    table = "\n".join(line for line in (DOCS / "errors.md").read_text().splitlines() if line.startswith("| "))
    assert {kind.exit_code for kind in _errors()} <= set(PRECEDENCE)
    for code in PRECEDENCE:
        assert re.search(rf"\b{code}\b", table), code


def test_every_command_is_explained() -> None:
    """Each has a heading of its own."""
    headings = re.findall(r"^### `iin (\w+)", (DOCS / "commands.md").read_text(), re.MULTILINE)
    assert sorted(headings) == sorted(COMMANDS)
