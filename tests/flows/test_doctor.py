"""`iin doctor`: each check finds what it looks for, and names the fix."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from flows import doctor
from flows.settings import Settings
from tests.flows.conftest import Command

HERE = Settings("root", None, None)
QUICK = [name for name in doctor.CHECKS if name != "ray"]


@pytest.mark.parametrize("name", QUICK)
def test_this_machine_is_in_order(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the tests run, nothing is wrong, and each answer comes within 5 s."""
    monkeypatch.chdir(tmp_path)
    began = time.monotonic()
    found = doctor.CHECKS[name](HERE)
    assert found.ok, found
    assert time.monotonic() - began < doctor.LIMIT


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("ray", Settings("root", "127.0.0.1:6399", None), "No Ray cluster answers"),
        ("mlflow", Settings("root", None, "http://127.0.0.1:9"), "No MLflow server answers"),
        ("root", Settings("/proc/root-of-iin", None, None), "0 B free in /proc"),
    ],
)
def test_what_is_wrong_comes_with_a_fix(name: str, settings: Settings, said: str) -> None:
    """Nobody listens, or nothing can be written."""
    found = doctor.CHECKS[name](settings)
    assert found.ok is False
    assert said in found.what
    assert found.fix


def test_a_root_of_a_newer_version_is_wrong(tmp_path: Path) -> None:
    """It can be written, but not by this version."""
    (tmp_path / "iin.json").write_text('{"iin_root": 99}')
    found = doctor.root(Settings(str(tmp_path), None, None))
    assert found.ok is False
    assert "newer version of iin" in found.what
    assert "upgrade" in found.fix


def test_an_unreachable_prefect_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Studies go on without it, but whoever set the URL meant it."""
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert doctor.prefect(HERE).ok is False


def test_a_package_below_its_floor_is_named() -> None:
    """Some floors are security fixes."""
    assert "older than 999.0" in doctor._older("torch", "999.0")
    assert "not installed" in doctor._older("no-such-package-of-ours", "1")
    assert doctor._older("torch", "1.0") == ""


def test_the_command_ends_with_3_where_something_is_wrong(iin: Command) -> None:
    """And `--json` gives each finding."""
    wrong = iin("doctor", "--address", "127.0.0.1:6399", "--json")
    assert wrong.exit_code == 3
    findings = {entry["check"]: entry for entry in json.loads(wrong.stdout)}
    assert findings["ray"]["ok"] is False
    assert findings["ray"]["fix"]
