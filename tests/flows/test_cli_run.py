"""What `iin run` says can be pasted into the shell that called it."""

from __future__ import annotations

import pytest

from flows.cli_run import again


@pytest.mark.parametrize("on_path", [True, False])
def test_the_command_to_go_on_is_the_one_that_was_called(on_path, tmp_path, monkeypatch):
    """`iin` where the shell finds it, the path to it where it does not."""
    program = tmp_path / ".venv" / "bin" / "iin"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [str(program), "run"])
    monkeypatch.setenv("PATH", str(program.parent) if on_path else "/nowhere")
    expected = "iin" if on_path else ".venv/bin/iin"
    assert again("ui", root="a b") == f"{expected} ui --root 'a b'"
