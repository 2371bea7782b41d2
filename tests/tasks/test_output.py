"""Outputs: invisible until sealed, sealed once, never silently damaged, with readable root errors."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from tasks.errors import DamagedOutput, EnvironmentProblem
from tasks.output import Root, identity, open_root
from tasks.step import Step

STEP = Step("units", 1, {"a": 1}, {"rows": "0" * 64}, {}, "03 conv3 · digit · seed 0")


def _seal(root: Root, step: Step = STEP, text: str = "hello"):
    with root.begin(step) as attempt:
        (attempt.path / "deep").mkdir()
        (attempt.path / "deep" / "b.txt").write_text(text)
        (attempt.path / "a.bin").write_bytes(b"\0" * 100)
        return attempt.seal({"n": 3}, times={"train": 1.5})


def test_unsealed_is_invisible_and_sealed_is_found(root):
    """Readers see nothing of an attempt until it is sealed, then all of it."""
    assert root.find(STEP) is None
    with root.begin(STEP) as attempt:
        (attempt.path / "a.txt").write_text("x")
        assert root.find(STEP) is None
        assert list(root.outputs("units")) == []
        output = attempt.seal({"n": 1}, times={})
    assert root.find(STEP) == output == root.open("units", STEP.key) == next(root.outputs("units"))
    assert output.file("a.txt").read_text() == "x"
    assert output.meta == {"n": 1}


def test_layout_on_disk(root):
    """Outputs lie under <root>/<kind>/<key[:2]>/<key>/, files in the folder of the winning attempt."""
    output = _seal(root)
    folder = Path(root.url) / "units" / STEP.key[:2] / STEP.key
    manifest = json.loads((folder / "manifest.json").read_text())
    assert Path(output.path) == folder / manifest["attempt"]
    assert set(manifest["files"]) == {"a.bin", "deep/b.txt"}
    assert sorted(path.name for path in folder.iterdir()) == sorted(["manifest.json", manifest["attempt"]])


def test_the_same_work_is_identical(tmp_path):
    """The same files sealed in two roots differ in times, host and attempt alone."""
    first, second = (_seal(open_root(str(tmp_path / name))) for name in "ab")
    assert first.manifest != second.manifest
    assert identity(first.manifest) == identity(second.manifest)
    assert identity(first.manifest) != identity(_seal(open_root(str(tmp_path / "c")), text="other").manifest)


def test_an_attempt_that_raises_leaves_nothing(root):
    """An error inside an attempt removes its files and reaches the caller."""

    def work():
        with root.begin(STEP) as attempt:
            (attempt.path / "a.txt").write_text("x")
            raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        work()
    assert root.find(STEP) is None
    assert list(root.folder("units", STEP.key).iterdir()) == []


def test_the_loser_of_a_race_gets_the_winner(root):
    """Of two attempts at one key the first to seal wins; the other returns it and is removed."""
    with root.begin(STEP) as late:
        (late.path / "a.txt").write_text("late")
        winner = _seal(root)
        assert late.seal({}, times={}) == winner
    assert not late.path.exists()
    winner.verify()


def test_many_writers_one_winner(root):
    """Eight concurrent attempts end with one output that all of them return."""
    outputs, barrier = [], threading.Barrier(8)

    def work():
        barrier.wait()
        outputs.append(_seal(root))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outputs) == 8
    assert len({output.manifest["attempt"] for output in outputs}) == 1
    outputs[0].verify()


def test_object_store():
    """The same works under an fsspec URL, where nothing can be renamed."""
    root = open_root("memory://bucket/iin")
    output = _seal(root)
    output.verify()
    assert root.find(STEP) == output
    assert _seal(root) == output
    assert list(root.outputs("units")) == [output]


@pytest.mark.parametrize(
    ("harm", "word"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(b""), "has 0 bytes instead of 100"),
        (lambda path: path.write_bytes(b"\0" * 99 + b"\1"), "changed"),
    ],
)
def test_verify_names_the_damaged_file(root, harm, word):
    """A missing, shortened or changed file is reported by name, with the way out."""
    output = _seal(root)
    harm(output.path / "a.bin")
    with pytest.raises(DamagedOutput, match=f"'a.bin' of units '03 conv3.*{word}") as caught:
        output.verify()
    assert "run the study again" in caught.value.fix
    with pytest.raises(DamagedOutput, match=f"'a.bin' of units '03 conv3.*{word}"):
        output.read("a.bin")


def test_find_refuses_an_output_without_its_data(root):
    """A sealed output whose files were deleted is an error, not something to reuse."""
    output = _seal(root)
    (output.path / "a.bin").unlink()
    with pytest.raises(DamagedOutput, match="missing"):
        root.find(STEP)
    with pytest.raises(DamagedOutput, match="missing"):
        output.file("a.bin")
    with pytest.raises(DamagedOutput, match="no such file"):
        output.file("c.bin")


@pytest.mark.parametrize("text", ['{"kind": "un', "[]", "{}", '{"format": 1, "attempt": "../x"}'])
def test_half_a_manifest(root, text):
    """A manifest that is cut short or foreign is reported with its path."""
    folder = _seal(root).path.parent
    (folder / "manifest.json").write_text(text)
    with pytest.raises(DamagedOutput, match="not a whole manifest") as caught:
        root.find(STEP)
    assert caught.value.where.endswith("manifest.json")


def test_a_manifest_in_the_wrong_folder(root):
    """A manifest copied to another key is not taken for that key's."""
    other = Step("units", 1, {"a": 2}, {}, {}, "other")
    folder = root.folder("units", other.key)
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_bytes((_seal(root).path.parent / "manifest.json").read_bytes())
    with pytest.raises(DamagedOutput, match="it is that of units"):
        root.find(other)


def test_open_names_what_is_not_there(root):
    """Opening a key that was never sealed says so."""
    with pytest.raises(DamagedOutput, match="units output 000000000000 is not there"):
        root.open("units", "0" * 64)


def test_root_is_a_file(tmp_path):
    """A path that is a file, or lies below one, is refused with a fix."""
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="is a file") as caught:
        open_root(str(tmp_path / "file"))
    assert "IIN_ROOT" in caught.value.fix
    with pytest.raises(EnvironmentProblem, match="a folder above it"):
        open_root(str(tmp_path / "file" / "root"))


def test_root_that_is_not_there(tmp_path):
    """Reading where no study ever ran is an error that names the way to say where the results are."""
    with pytest.raises(EnvironmentProblem, match="no results here") as caught:
        open_root(str(tmp_path), create=False)
    assert "--root" in caught.value.fix


def test_root_of_a_newer_version(root):
    """A root, and an output, of a newer version are refused."""
    (root.path / "iin.json").write_text('{"iin_root": 99}')
    with pytest.raises(EnvironmentProblem, match="newer version of iin"):
        open_root(root.url)
    (root.path / "iin.json").write_text("{")
    with pytest.raises(DamagedOutput, match="version of the root"):
        open_root(root.url)
    folder = _seal(root).path.parent
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(EnvironmentProblem, match="sealed by a newer version"):
        root.find(STEP)


def test_unknown_storage():
    """A URL that no driver serves is refused with the URL."""
    with pytest.raises(EnvironmentProblem, match="No storage") as caught:
        open_root("nosuch://bucket/x")
    assert caught.value.where == "nosuch://bucket/x"


@pytest.fixture
def without_rights():
    """Run as a user who owns nothing, where the tests run as one who may do everything."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    yield
    os.seteuid(0)


def test_unwritable_root(root, request):
    """A root where this user may not write is refused before any work, and while sealing."""
    root.path.chmod(0o555)
    for folder in (root.path.parent, root.path.parent.parent, root.path.parent.parent.parent):
        folder.chmod(0o755)
    request.getfixturevalue("without_rights")
    with pytest.raises(EnvironmentProblem, match="No right to write: the root"):
        open_root(root.url)
    with pytest.raises(EnvironmentProblem, match="No right to write: the units output '03 conv3") as caught:
        _seal(root)
    assert "--root" in caught.value.fix


def test_full_disk(root):
    """A full disk says which output was being written and what to free; nothing is left behind."""

    def work():
        with root.begin(STEP) as attempt:
            (attempt.path / "a.bin").symlink_to("/dev/full")
            (attempt.path / "a.bin").write_bytes(b"x" * 2**20)

    with pytest.raises(EnvironmentProblem, match="disk is full: the units output '03 conv3") as caught:
        work()
    assert "MiB free" in caught.value.where
    assert "iin gc" in caught.value.fix
    assert list(root.folder("units", STEP.key).iterdir()) == []


def test_a_users_unreadable_file_is_not_blamed_on_the_root(root, tmp_path):
    """A refused read of something else inside an attempt stays what it is."""
    with pytest.raises(PermissionError), root.begin(STEP):
        raise PermissionError(13, "refused", str(tmp_path / "user.csv"))
