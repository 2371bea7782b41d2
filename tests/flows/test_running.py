"""What `iin run` refuses before it starts anything."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.flows.conftest import Command


def newer(root: Path) -> None:
    root.mkdir()
    (root / "iin.json").write_text('{"iin_root": 99}')


def broken(root: Path) -> None:
    root.mkdir()
    (root / "iin.json").write_text("{")


def file(root: Path) -> None:
    root.write_text("")


@pytest.mark.parametrize(
    ("make", "code", "said"),
    [
        (newer, 3, "made by a newer version of iin (format 99"),
        (broken, 5, "The version of the root cannot be read"),
        (file, 3, "is a file"),
    ],
)
@pytest.mark.parametrize("command", ["check", "run"])
def test_a_root_that_cannot_be_used(
    make, code: int, said: str, command: str, iin: Command, study: Path, tmp_path: Path
) -> None:
    """Both say so with the same exit code, and no server is started beside it."""
    make(tmp_path / "root")
    shown = iin.fails(code, command, str(study), "--root", "root")
    assert said in shown
    assert "to do: " in shown
    assert not (tmp_path / "root" / "prefect").exists()


@pytest.mark.parametrize("text", ["sedes: [0]", "seeds: [0]\nseeds: [1]", "flow: *x", "name: !!binary aGk="])
def test_a_file_that_is_no_study_costs_no_server(text: str, iin: Command, study: Path) -> None:
    """The run says what the check says, and no root is made."""
    study.write_text(study.read_text().replace("seeds: [0]", text))
    said = iin.fails(2, "run", str(study))
    assert said.startswith("error: ")
    assert said == iin.fails(2, "check", str(study))
    assert not Path("iin-data").exists()


def test_an_address_where_nobody_listens_is_answered_at_once(iin: Command, study: Path) -> None:
    """Before models are opened and servers started, within 5 s."""
    began = time.monotonic()
    shown = iin.fails(3, "run", str(study), "--address", "127.0.0.1:9")
    assert time.monotonic() - began < 5
    assert "No Ray cluster answers at 127.0.0.1:9: [Errno 111] Connection refused." in shown
    assert "where: --address or IIN_RAY_ADDRESS" in shown
    assert "without one the study runs on this machine" in shown
