"""A study of a few rows, and the command as a person calls it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli import app
from flows.starting import write_study


class Command:
    """`iin` within this process; `ok` and `fails` also look at the exit code."""

    def __call__(self, *words: str) -> Result:
        return CliRunner().invoke(app, list(words))

    def ok(self, *words: str) -> str:
        result = self(*words)
        assert result.exit_code == 0, result.output
        return result.stdout

    def fails(self, code: int, *words: str) -> str:
        result = self(*words)
        assert result.exit_code == code, result.output
        return result.stderr


@pytest.fixture
def iin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command, in an empty folder, with settings of its own."""
    monkeypatch.chdir(tmp_path)
    before = dict(os.environ)
    # `prepare_environment` sets defaults for the whole process; here they end with the test.
    for name in before:
        monkeypatch.setenv(name, before[name])
    for name in ("IIN_ROOT", "PREFECT_HOME"):
        monkeypatch.delenv(name, raising=False)
    return Command()


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """The example `own` of `iin init`."""
    return write_study(tmp_path, "small", "own")[0]
