"""Ending what a killed run left in MLflow, which itself waits for ever."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

from tasks.track.runs import OWNER, end_run, running_parents
from tasks.track.server import connect, reaching, tracking_uri
from tasks.tracked_names import run_name

if TYPE_CHECKING:
    from tasks.output import Root


def end_abandoned(root: Root, uri: str | None = None) -> list[str]:
    """Mark as KILLED the study runs whose process on this machine is gone, and their open children.

    Runs of other machines are left alone: from here nobody can tell whether they live.

    Returns:
        One line for each run that was ended.

    Raises:
        EnvironmentProblem: MLflow does not answer.
    """
    place = tracking_uri(root, uri)
    client = connect(place)
    ended = []
    with reaching(place):
        for run in running_parents(client):
            host, _, process = run.data.tags.get(OWNER, "").rpartition(":")
            if host == platform.node() and not _is_alive(process):
                end_run(client, run, "KILLED", f"its process {process} on {host} is gone")
                ended.append(f"MLflow run {run_name(run.info.run_name or '')} ended: its process was gone")
    return ended


def _is_alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
