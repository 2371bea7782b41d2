"""Finding the experiment and the runs of a study in MLflow, by tags, and making those that are missing."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

from tasks.errors import EnvironmentProblem
from tasks.track.server import MlflowClient, Run, RunTag
from tasks.track.study import experiment_tags, study_key, study_tags
from tasks.track.unit import unit_tags
from tasks.tracked_names import experiment_name, run_name, tag_value

if TYPE_CHECKING:
    from tasks.plan import Plan, Unit

OWNER = "iin.owner"
"""Tag of a running parent: host and process that fill it."""


def study_experiment(client: MlflowClient, plan: Plan, location: str | None) -> str:
    """The id of the study's experiment, which is made if it is not there.

    Args:
        client: of the server.
        plan: the study.
        location: where a new experiment keeps its files; None: as the server says.

    Raises:
        EnvironmentProblem: it was deleted in MLflow, where its name stays taken.
    """
    name = experiment_name(plan.study.name, plan.study.tracking.experiment)
    found = client.get_experiment_by_name(name)
    if found is None:
        return str(client.create_experiment(name, location, experiment_tags(plan)))
    if found.lifecycle_stage == "deleted":
        raise EnvironmentProblem(
            f"The experiment {name!r} was deleted in MLflow.",
            where=f"experiment {found.experiment_id}",
            fix=f"restore it (`mlflow experiments restore -x {found.experiment_id}`), or give another name "
            "under `tracking: experiment:` in the study",
        )
    return str(found.experiment_id)


def parent_run(client: MlflowClient, experiment_id: str, plan: Plan) -> Run:
    """The parent run of a study of this content, made or taken up again, and marked as running."""
    found = _find(client, experiment_id, {"iin.kind": "study", "iin.key": study_key(plan)})
    owner = f"{platform.node()}:{os.getpid()}"
    if found is None:
        name = run_name(f"{plan.study.name} {study_key(plan)[:8]}")
        return client.create_run(experiment_id, tags={**study_tags(plan), OWNER: owner}, run_name=name)
    client.set_tag(found.info.run_id, OWNER, owner)
    if found.info.status != "RUNNING":
        client.update_run(found.info.run_id, status="RUNNING")
    return found


def child_run(client: MlflowClient, experiment_id: str, plan: Plan, unit: Unit, parent: str) -> Run:
    """The child run of a unit, made if it is not there."""
    tags = unit_tags(plan, unit, parent)
    found = _find(client, experiment_id, {name: tags[name] for name in ("iin.key", "mlflow.parentRunId")})
    return found or client.create_run(experiment_id, tags=tags, run_name=run_name(unit.name))


def end_run(client: MlflowClient, run: Run, status: str, reason: str | None = None) -> None:
    """End a parent run, and children that were left half filled, with a status and the reason."""
    parent = run.info.run_id
    for child in _search(client, run.info.experiment_id, {"mlflow.parentRunId": parent}, running=True):
        client.set_terminated(child.info.run_id, "KILLED")
    if reason or run.data.tags.get("iin.reason"):
        client.log_batch(parent, tags=[RunTag("iin.reason", tag_value(reason or ""))])
    client.set_terminated(parent, status)


def running_parents(client: MlflowClient) -> list[Run]:
    """Every parent run of any study that is marked as running."""
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return [
        run for place in experiments for run in _search(client, place, {"iin.kind": "study"}, running=True)
    ]


def _find(client: MlflowClient, experiment_id: str, tags: dict[str, str]) -> Run | None:
    found = _search(client, experiment_id, tags)
    return found[0] if found else None


def _search(
    client: MlflowClient, experiment_id: str, tags: dict[str, str], *, running: bool = False
) -> list[Run]:
    # Only values of our own making (keys, kinds, run ids) are searched for: nothing to be quoted.
    terms = [f"tags.`{name}` = '{value}'" for name, value in tags.items()]
    terms += ["attributes.status = 'RUNNING'"] if running else []
    return list(client.search_runs([experiment_id], " and ".join(terms), max_results=1000))
