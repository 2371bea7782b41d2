"""Reconciling: study runs whose process is gone do not stay RUNNING in MLflow."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from tasks.track.reconcile import end_abandoned
from tasks.track.runs import OWNER
from tasks.track.server import MlflowClient, tracking_uri
from tasks.track.tracker import Tracker


@pytest.fixture
def running(make_study, tracked_root):
    """A tracker in the middle of a study, and a client."""
    study = make_study(layers=("fc",), sets=("none",))
    study.seal_all()
    tracker = Tracker(study.plan, study.root)
    tracker.start()
    tracker.catch_up()
    return study, tracker.parent.info.run_id, MlflowClient(tracking_uri=tracking_uri(study.root, None))


def test_only_runs_of_dead_processes_here_are_ended(running):
    """A run of a living process or of another machine goes on; that of a dead process is KILLED."""
    study, parent, client = running
    assert end_abandoned(study.root) == []
    client.set_tag(parent, OWNER, "another-host:1")
    assert end_abandoned(study.root) == []
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    client.set_tag(parent, OWNER, f"{platform.node()}:{dead.pid}")
    child = client.search_runs([client.get_run(parent).info.experiment_id], "tags.`iin.kind` = 'unit'")[0]
    client.update_run(child.info.run_id, status="RUNNING")
    (line,) = end_abandoned(study.root)
    assert "its process was gone" in line
    run = client.get_run(parent)
    assert run.info.status == "KILLED"
    assert f"its process {dead.pid}" in run.data.tags["iin.reason"]
    assert client.get_run(child.info.run_id).info.status == "KILLED"
    assert end_abandoned(study.root) == []
