"""Local copies: an output's files as paths, wherever the output lies."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tasks.errors import DamagedOutput
from tasks.local_copy import local_copy
from tasks.output import open_root
from tasks.step import Step

STEP = Step("units", 1, {}, {}, {}, "unit")


def _seal(root):
    with root.begin(STEP) as attempt:
        (attempt.path / "deep").mkdir()
        (attempt.path / "deep" / "a.txt").write_text("a")
        (attempt.path / "b.txt").write_text("b")
        return attempt.seal({}, times={})


def test_here_it_is_the_output_itself(root):
    """Nothing is copied on this machine."""
    output = _seal(root)
    with local_copy(output, "deep") as folder:
        assert folder == Path(str(output.path)) / "deep"
    with local_copy(output) as folder:
        assert folder == Path(str(output.path))


def test_from_elsewhere_it_is_a_copy_for_the_block():
    """Files of an object store are fetched, with their folders, and removed afterwards."""
    output = _seal(open_root(f"memory://{secrets.token_hex(4)}"))
    with local_copy(output) as folder:
        assert (folder / "b.txt").read_text() == "b"
        assert (folder / "deep" / "a.txt").read_text() == "a"
    with local_copy(output, "deep") as folder:
        assert [path.name for path in folder.iterdir()] == ["a.txt"]
    assert not folder.exists()


@pytest.mark.parametrize("url", ["", "memory://"])
def test_a_changed_file_is_not_handed_out(url, root):
    """Same size, other content: neither the output itself nor a copy is given."""
    output = _seal(open_root(f"{url}{secrets.token_hex(4)}") if url else root)
    (output.path / "b.txt").write_text("c")
    with (
        pytest.raises(DamagedOutput, match=r"file 'b\.txt' of units 'unit' has been changed"),
        local_copy(output),
    ):
        pass
    with local_copy(output, "deep"):
        pass


def test_a_folder_that_is_not_there(root):
    """An output without it is an error that names both."""
    with (
        pytest.raises(DamagedOutput, match="'interpreter' of units 'unit' has no such folder"),
        local_copy(_seal(root), "interpreter"),
    ):
        pass
