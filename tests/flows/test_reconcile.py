"""Ending what killed runs left in a root."""

from __future__ import annotations

import subprocess
import sys

from flows.reconcile import _is_dead, process_tags
from tasks.output import open_root
from tests.flows.conftest import Command


class _Run:
    def __init__(self, tags: tuple[str, ...]) -> None:
        self.tags = list(tags)


def test_only_runs_whose_process_is_gone_are_dead() -> None:
    """Our own run lives, that of an ended process does not, and of others nothing is known."""
    assert not _is_dead(_Run(process_tags()))
    assert not _is_dead(_Run(("iin",)))
    assert not _is_dead(_Run(("iin", "iin-process:nonsense")))
    code = "from flows.reconcile import process_tags; print(*process_tags(), sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert _is_dead(_Run(tuple(done.stdout.splitlines())))


def test_a_lease_of_a_killed_run_is_released(iin: Command) -> None:
    """The command says for whom it was held."""
    root = open_root("root")
    code = """
import os
from tasks.lease import hold
from tasks.output import open_root
from tasks.step import Step

with hold(open_root("root"), [Step("rows", 1, {}, {}, {}, "my rows")], on_wait=print):
    os._exit(9)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    assert list((root.path / "leases").glob("*.json"))
    assert "my rows" in iin.ok("reconcile", "--root", "root")
    assert not list((root.path / "leases").glob("*.json"))
    assert "nothing was left behind" in iin.ok("reconcile", "--root", "root")
