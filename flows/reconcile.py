"""Ending what a killed run left: leases, temporary files, MLflow runs, Prefect's flow and task runs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tasks.errors import EnvironmentProblem
from tasks.process import parse_process, this_process

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

    from tasks.output import Root

TAG = "iin"
PROCESS_TAG = "iin-process:"
log = logging.getLogger("tasks.flow")


def process_tags() -> tuple[str, ...]:
    """The tags of a flow run and its task runs; from them it is known later whether they still live."""
    return TAG, PROCESS_TAG + this_process().text()


def tidy(root: Root, tracking: str | None) -> list[str]:
    """End what killed runs left in the root and in MLflow.

    Args:
        root: its leases and temporary files are looked at.
        tracking: the MLflow that runs were shown in; None is SQLite under the root.

    Returns:
        A line for each thing that was ended or removed. What cannot be reached is a warning.
    """
    from tasks.retention import tidy as tidy_root
    from tasks.track.reconcile import end_abandoned

    lines = tidy_root(root)
    try:
        lines += end_abandoned(root, tracking)
    except EnvironmentProblem as problem:
        log.warning("MLflow was not looked through. %s", problem)
    return lines


def end_prefect_runs() -> list[str]:
    """End the flow and task runs that Prefect believes to be running in processes that are gone.

    Prefect must be reachable. Runs of other machines are left alone: from here nobody can tell
    whether they live.

    Returns:
        A line for each run that was ended.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, TaskRunFilter
    from prefect.states import Crashed

    still = {"tags": {"all_": [TAG]}, "state": {"type": {"any_": ["RUNNING", "PENDING"]}}}
    crashed: State = Crashed(message="Its process was gone; ended by iin reconcile")
    lines = []
    with get_client(sync_client=True) as client:
        for task_run in client.read_task_runs(task_run_filter=TaskRunFilter.model_validate(still)):
            if _is_dead(task_run):
                client.set_task_run_state(task_run.id, crashed, force=True)
                lines.append(f"Prefect task run {task_run.name} ended: its process was gone")
        for flow_run in client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(still)):
            if _is_dead(flow_run):
                client.set_flow_run_state(flow_run.id, crashed, force=True)
                lines.append(f"Prefect flow run {flow_run.name} ended: its process was gone")
    return lines


def _is_dead(run: Any) -> bool:
    tag = next((tag for tag in run.tags if tag.startswith(PROCESS_TAG)), "")
    process = parse_process(tag.removeprefix(PROCESS_TAG))
    return process is not None and process.is_dead()
