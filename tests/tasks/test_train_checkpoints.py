"""A training that is killed goes on from its checkpoints, and comes to the same bytes."""

from __future__ import annotations

import pickle
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from tasks.output import identity
from tasks.train import train
from tasks.train_checkpoints import checkpoint_path, open_checkpoints
from tests.tasks.trained_world import changed, copied

WORKER = """
import pickle, sys
from tasks.train_worker import train_and_seal
train_and_seal(*pickle.load(open(sys.argv[1], "rb")), (False, 0.0))
"""


@pytest.fixture(scope="module")
def long_plan(world):
    """The small study with a training of some seconds, and a root in which it was never disturbed."""
    plan, root = world
    units = tuple(changed(unit, updates=200, average=0.9) for unit in plan.units)
    return replace(plan, units=units), root


@pytest.fixture(scope="module")
def undisturbed(long_plan, cluster, tmp_path_factory):
    """A root in which all units of the plan were trained in one go."""
    plan, root = long_plan
    whole = copied(root, tmp_path_factory.mktemp("whole"))
    train(plan, whole, cluster)
    return whole


@pytest.fixture(scope="module")
def killed(long_plan, tmp_path_factory):
    """A root in which two units were in training, in a process of their own, until it was killed."""
    folder = tmp_path_factory.mktemp("killed")
    plan, root = long_plan[0], copied(long_plan[1], folder)
    units = plan.units[:2]
    (folder / "call.pickle").write_bytes(pickle.dumps((root.url, plan.rows.key, units)))
    process = subprocess.Popen([sys.executable, "-c", WORKER, str(folder / "call.pickle")])
    paths = [checkpoint_path(root, unit.train.key) for unit in units]
    while process.poll() is None and not all(path.exists() for path in paths):
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not any(root.find(unit.train) for unit in units)
    return root


def killed_again(killed, folder):
    """A copy of that root."""
    again = copied(killed, folder)
    shutil.copytree(killed.path / "checkpoints", again.path / "checkpoints")
    return again


def test_killed_worker_goes_on_to_the_same_bytes(long_plan, undisturbed, killed, cluster, tmp_path, caplog):
    """After kill -9 in training a run goes on, in other groups, and seals what an undisturbed one seals."""
    plan, again = long_plan[0], killed_again(killed, tmp_path)
    with caplog.at_level("INFO", logger="tasks.worker"):
        train(plan, again, cluster)
    for unit in plan.units:
        assert identity(again.find(unit.train).manifest) == identity(undisturbed.find(unit.train).manifest)
    assert sum("goes on from update" in record.getMessage() for record in caplog.records) == 2
    assert not list((again.path / "checkpoints").iterdir())


def test_damaged_and_foreign_checkpoints_are_left_with_a_warning(long_plan, killed, tmp_path, caplog):
    """What cannot be read, or is of another unit, is not gone on from; the log names unit and file."""
    plan, again = long_plan[0], killed_again(killed, tmp_path)
    first, second, third = plan.units[:3]
    path = checkpoint_path(again, first.train.key)
    data = bytearray(path.read_bytes())
    checkpoint_path(again, third.train.key).write_bytes(data)
    data[-1] ^= 1
    path.write_bytes(data)
    found = open_checkpoints(again, [first, second, third], 60.0).found
    assert [state is None for state in found] == [True, False, True]
    texts = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert texts == [
        f"{first.name}: A checkpoint of a training has been changed: its checksum does not fit. "
        f"It begins anew. ({path})",
        f"{third.name}: A checkpoint is of another training. It begins anew. "
        f"({checkpoint_path(again, third.train.key)})",
    ]


def test_a_changed_study_begins_anew(long_plan, killed):
    """The checkpoint of a unit is found by its key alone, so that other settings never meet it."""
    unit = long_plan[0].units[0]
    other = replace(unit, train=replace(unit.train, spec={**unit.train.spec, "seed": 7}))
    assert open_checkpoints(killed, [unit], 60.0).found != [None]
    assert open_checkpoints(killed, [other], 60.0).found == [None]


def test_writing_takes_a_small_share_of_the_time(long_plan, tmp_path, monkeypatch):
    """However short the interval, at most a twentieth of the time goes into writing."""
    plan, root = long_plan
    now = [0.0]
    monkeypatch.setattr("tasks.train_checkpoints.time.monotonic", lambda: now[0])
    kept = open_checkpoints(copied(root, tmp_path), plan.units[:2], 10.0)
    assert not kept.is_due(32)
    now[0] = 11.0
    assert kept.is_due(64)
    assert not kept.is_due(96)
