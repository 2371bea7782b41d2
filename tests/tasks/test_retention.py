"""Retention: damage is found, the unwanted is listed before it goes, what is in use stays."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tasks import retention
from tasks.cluster import FOLDER_PREFIX, OWNER
from tasks.errors import DamagedOutput
from tasks.lease import hold
from tasks.process import parse_process, this_process
from tasks.retention import Leftover, remove, tidy, unwanted, verify
from tasks.step import Step
from tasks.study_record import StepRecord, StudyRecord


def _step(n):
    return Step("units", 1, {"n": n}, {}, {}, f"unit {n}")


def _seal(root, n):
    with root.begin(_step(n)) as attempt:
        (attempt.path / "data.bin").write_bytes(bytes(100))
        return attempt.seal({}, times={})


def _record(root, *numbers):
    keys = tuple(StepRecord("units", _step(n).key, f"unit {n}") for n in numbers)
    record = StudyRecord("study", "", "", "", "", keys, (), ())
    (root.path / "studies").mkdir(exist_ok=True)
    data = {"format": 1, **asdict(record), "keys": [step._asdict() for step in keys]}
    (root.path / "studies" / "study.json").write_text(json.dumps(data))


def _never(message):
    raise AssertionError(message)


def test_verify_goes_on_after_damage(root):
    """Every sealed output is read again, and each damaged one is told with its file."""
    outputs = [_seal(root, n) for n in range(3)]
    assert [error for _, error in verify(root)] == [None] * 3
    (outputs[1].path / "data.bin").write_bytes(b"1" * 100)
    (outputs[2].path.parent / "manifest.json").write_text("{")
    found = dict(verify(root))
    assert found["units unit 0"] is None
    assert "'data.bin' of units 'unit 1'" in found["units unit 1"].what
    assert isinstance(found[f"units {outputs[2].key[:12]}"], DamagedOutput)


def test_only_the_unwanted_is_listed_and_removed(root):
    """Outputs of recorded studies stay; unsealed and beaten attempts, others' outputs and drafts go."""
    kept, foreign = _seal(root, 0), _seal(root, 1)
    _record(root, 0, 2)
    abandoned = root.folder("units", _step(2).key) / "0123"
    abandoned.mkdir(parents=True)
    (abandoned / "half.bin").write_bytes(bytes(50))
    beaten = kept.path.parent / "4567"
    beaten.mkdir()
    draft = root.path / "studies" / "study.json.12.tmp"
    draft.write_text("{")
    leftovers = unwanted(root)
    assert {Path(leftover.path) for leftover in leftovers} == {
        Path(path) for path in (foreign.path.parent, abandoned, beaten, draft)
    }
    why = {leftover.path: leftover.why for leftover in leftovers}
    assert why[foreign.path.parent] == "units unit 1: no study in this root refers to it"
    assert abandoned.exists()
    assert remove(root, leftovers) == sum(leftover.bytes for leftover in leftovers) > 150
    assert unwanted(root) == []
    assert [output.key for output in root.outputs("units")] == [kept.key]


def test_what_is_held_is_left_alone(root):
    """An attempt whose key somebody holds is neither listed nor removed."""
    step = _step(0)
    with root.begin(step) as attempt:
        listed = unwanted(root)
        with hold(root, [step], on_wait=_never):
            assert unwanted(root) == []
            remove(root, listed)
            assert attempt.path.exists()
        assert len(listed) == 1


def test_checkpoints_of_trainings_that_go_on_stay(root):
    """Checkpoints of wanted units in training stay; of sealed, unwanted and half-written ones they go."""
    _seal(root, 0)
    _record(root, 0, 1)
    (root.path / "checkpoints").mkdir()
    paths = [root.path / "checkpoints" / f"{_step(n).key}.safetensors" for n in range(4)]
    draft = paths[0].with_name(f"{paths[0].name}.12ab.tmp")
    for path in (*paths, draft):
        path.write_bytes(bytes(10))
    with hold(root, [_step(3)], on_wait=_never):
        found = {leftover.path: leftover.why for leftover in unwanted(root)}
        assert found.pop(draft) == "a file that was not written to its end"
        assert found == {
            paths[0]: "a checkpoint of a training that is sealed",
            paths[2]: "a checkpoint of a training that no study in this root refers to",
        }
        listed = [*unwanted(root), Leftover(paths[3], 10, "listed before it was held")]
        assert remove(root, listed) == 30
    assert [path.exists() for path in paths] == [False, True, False, True]


def test_an_unreadable_record_stops_the_cleaning(root):
    """As long as it is not known what a study refers to, nothing is called unwanted."""
    _seal(root, 0)
    (root.path / "studies").mkdir()
    (root.path / "studies" / "study.json").write_text("{")
    with pytest.raises(DamagedOutput, match="record of study 'study'"):
        unwanted(root)


def test_tidy_removes_what_the_dead_left(root, tmp_path, monkeypatch):
    """Leases and Ray folders of dead processes go, with a line for each; those of the living stay."""
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    dead = replace(this_process(), pid=process.pid, started="1")
    for name, owner in (("dead", dead), ("alive", this_process())):
        folder = tmp_path / f"{FOLDER_PREFIX}{name}"
        folder.mkdir()
        (folder / OWNER).write_text(owner.text())
    (tmp_path / f"{FOLDER_PREFIX}foreign").mkdir()
    monkeypatch.setattr(retention, "temporary_folder", lambda: str(tmp_path))
    with hold(root, [_step(0), _step(1)], on_wait=_never):
        path = root.path / "leases" / f"{_step(1).key}.json"
        lease = json.loads(path.read_text())
        path.write_text(json.dumps({**lease, "process": json.loads(dead.text())}))
        lines = tidy(root)
        assert len(lines) == 2
        assert f"lease on 'unit 1' of process {dead.pid}" in lines[0]
        assert lines[1] == f"temporary folder {tmp_path}/{FOLDER_PREFIX}dead"
        assert tidy(root) == []
    assert sorted(path.name for path in tmp_path.glob(f"{FOLDER_PREFIX}*")) == [
        f"{FOLDER_PREFIX}alive",
        f"{FOLDER_PREFIX}foreign",
    ]


def test_processes_are_told_apart():
    """A process is dead when its number is free or another's, unknown on another machine."""
    me = this_process()
    assert parse_process(me.text()) == me
    assert not me.is_dead()
    assert replace(me, started="1").is_dead()
    assert not replace(me, machine="another", pid=1, started="1").is_dead()
    assert parse_process("{}") is None
    assert parse_process("x") is None
