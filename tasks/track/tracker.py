"""Showing a study in MLflow: one parent run a study, one child a unit, nothing twice.

MLflow is a view. It is filled from sealed outputs alone, and what it holds is never taken for what is
done: a server that is gone costs a warning, and `iin run STUDY --only track` fills any server later.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from tasks.errors import EnvironmentProblem
from tasks.gates import check_gates
from tasks.local_copy import local_copy
from tasks.results import score_table
from tasks.storage import is_local
from tasks.track.experiments import (
    SHOWN,
    Sealed,
    experiment_metrics,
    sealed_experiments,
    shown_as,
    write_experiment_files,
)
from tasks.track.note import study_note
from tasks.track.runs import child_run, end_run, parent_run, study_experiment
from tasks.track.server import (
    MlflowClient,
    Run,
    RunTag,
    alone,
    artifact_location,
    connect,
    reaching,
    tracking_uri,
)
from tasks.track.study import study_metrics, write_files
from tasks.track.unit import datasets, unit_curves, unit_metrics, unit_note, unit_params
from tasks.tracked_model import log_interpreter
from tasks.tracked_names import tag_value

if TYPE_CHECKING:
    from tasks.output import Output, Root
    from tasks.plan import Plan, Unit

log = logging.getLogger("tasks.track")
Status = Literal["FINISHED", "FAILED", "KILLED"]
QUIET = 60.0
"""Seconds for which a server that did not answer is left alone."""


class Tracker:
    """Shows one study run in MLflow.

    A run of a study whose content is the same (its report's key) continues the parent run that is
    there. No method raises for MLflow's troubles: there is a warning, and `problem` says what it was.

    Args:
        plan: the study.
        root: where its outputs are sealed.
        uri: a tracking URI; None is the study file's, else SQLite under the root.
    """

    def __init__(self, plan: Plan, root: Root, uri: str | None = None) -> None:
        self.plan = plan
        self.root = root
        self.problem: EnvironmentProblem | None = None
        self.parent: Run | None = None
        self._wanted_uri = uri or plan.study.tracking.uri
        self._client: MlflowClient | None = None
        self._shown: set[str] = set()
        self._quiet_until = 0.0
        self._lock = Path(root.url) / "mlflow.lock" if is_local(root.path) else None

    def start(self) -> None:
        """Find or make the parent run, and mark it as running."""
        self._ask_again()
        with self._tolerant():
            self._open()

    def unit(self, unit: Unit, evaluated: Output) -> None:
        """Show one unit; one that is shown already is left as it is, half of one is completed.

        Raises:
            DamagedOutput: one of its outputs is no longer whole.
        """
        if unit.evaluate.key in self._shown or time.monotonic() < self._quiet_until:
            return
        with self._tolerant():
            client, parent = self._open()
            # Two runs of one study at once see the same unit being sealed.
            with alone(self._lock):
                self._show(client, parent, unit, evaluated)
            self._shown.add(unit.evaluate.key)

    def catch_up(self) -> None:
        """Show every sealed unit that is not shown yet, also after a server was gone for a while.

        Raises:
            DamagedOutput: one of the outputs is no longer whole.
        """
        self._ask_again()
        for unit in self.plan.units:
            evaluated = self.root.find(unit.evaluate)
            if evaluated is not None:
                self.unit(unit, evaluated)

        self.experiments()

    def experiments(self) -> None:
        """Show every sealed experiment that is not shown yet, those of a unit in the unit's run.

        Raises:
            DamagedOutput: one of the outputs is no longer whole.
        """
        by_unit = sealed_experiments(self.plan, self.root)
        if not by_unit or time.monotonic() < self._quiet_until:
            return
        with self._tolerant():
            client, parent = self._open()
            with alone(self._lock):
                for sealed in by_unit.values():
                    unit = sealed[0][0].unit
                    if unit is None:
                        self._show_experiments(client, parent, sealed)
                    elif self.root.find(unit.evaluate) is not None:
                        place = parent.info.experiment_id
                        run = child_run(client, place, self.plan, unit, parent.info.run_id)
                        self._show_experiments(client, run, sealed)

    def _show_experiments(self, client: MlflowClient, run: Run, sealed: Sealed) -> None:
        if run.data.tags.get(SHOWN) == shown_as(sealed):
            return
        run_id = run.info.run_id
        client.log_batch(run_id, experiment_metrics(self.plan, sealed))
        with TemporaryDirectory(prefix="iin-") as folder:
            write_experiment_files(sealed, Path(folder))
            client.log_artifacts(run_id, folder)
        client.set_tag(run_id, SHOWN, shown_as(sealed))

    def end(self, status: Status, reason: str | None = None) -> None:
        """Set how the parent run ended; unless it was killed, describe the result first.

        Args:
            status: FINISHED, FAILED or KILLED.
            reason: why it did not finish.
        """
        if self.parent is None or self._client is None:
            return
        try:
            if status != "KILLED" and time.monotonic() >= self._quiet_until:
                with self._tolerant():
                    self._describe(self._client, self.parent, reason)
        finally:
            # Tried whatever happened before: MLflow shows a run that nobody ends as running for ever.
            with self._tolerant():
                end_run(self._client, self.parent, status, reason)

    def _ask_again(self) -> None:
        self.problem = None
        self._quiet_until = 0.0

    @contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            with reaching(tracking_uri(self.root, self._wanted_uri)):
                yield
        except EnvironmentProblem as problem:
            if self.problem is None:
                log.warning("MLflow does not show this run for now. %s", problem)
            self.problem = problem
            self._quiet_until = time.monotonic() + QUIET

    def _open(self) -> tuple[MlflowClient, Run]:
        if self._client is None or self.parent is None:
            uri = tracking_uri(self.root, self._wanted_uri)
            client = connect(uri)
            with alone(self._lock):
                place = study_experiment(client, self.plan, artifact_location(self.root, uri))
                self.parent = parent_run(client, place, self.plan)
            self._client = client
            client.log_inputs(self.parent.info.run_id, datasets(self.plan, self.root))
        return self._client, self.parent

    def _show(self, client: MlflowClient, parent: Run, unit: Unit, evaluated: Output) -> None:
        run = child_run(client, parent.info.experiment_id, self.plan, unit, parent.info.run_id)
        if run.info.status == "FINISHED":
            return
        run_id = run.info.run_id
        trained = self.root.open("units", unit.train.key)
        scores = unit_metrics(unit, evaluated, trained, self.root)
        note = RunTag("mlflow.note.content", unit_note(unit, evaluated))
        client.log_batch(run_id, [*scores, *unit_curves(trained)], unit_params(unit, trained), [note])
        client.log_inputs(run_id, datasets(self.plan, self.root, unit))
        with local_copy(evaluated) as folder:
            client.log_artifacts(run_id, str(folder))
        if self.plan.study.tracking.models == "all" or (
            self.plan.study.tracking.models == "headline" and unit.headline
        ):
            log_interpreter(client, run, self.plan.study.name, unit, trained, scores)
        client.set_terminated(run_id, "FINISHED")

    def _describe(self, client: MlflowClient, parent: Run, reason: str | None) -> None:
        run_id = parent.info.run_id
        found = ((unit.evaluate.key, self.root.find(unit.evaluate)) for unit in self.plan.units)
        evaluated = {key: output for key, output in found if output is not None}
        scores, verdicts = score_table(self.plan, self.root), check_gates(self.plan, self.root)
        note = study_note(self.plan, self.root, scores, evaluated, verdicts, reason)
        passed = "passed" if all(verdict.passed for verdict in verdicts) else "failed"
        tags = {
            "mlflow.note.content": note,
            "iin.gates": passed if verdicts else "none",
            "iin.units": f"{len(evaluated)} of {len(self.plan.units)}",
        }
        client.log_batch(
            run_id,
            study_metrics(self.plan, self.root, evaluated),
            tags=[RunTag(name, tag_value(value)) for name, value in tags.items()],
        )
        with TemporaryDirectory(prefix="iin-") as folder:
            write_files(self.plan, self.root, scores, Path(folder))
            client.log_artifacts(run_id, folder)
