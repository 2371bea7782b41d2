"""What the steps of one study run share: plan, root, tracker, a cluster when first needed, the outcome."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from flows.exit_codes import worst
from flows.interrupts import Interrupts
from flows.settings import Settings
from iin_core.errors import IinError

if TYPE_CHECKING:
    from tasks.cluster import Cluster
    from tasks.gates import Verdict
    from tasks.output import Root
    from tasks.plan import Plan
    from tasks.track.tracker import Tracker

log = logging.getLogger("tasks.flow")


def silent(step: str, state: str) -> None:
    """Show nothing: what `Outcome.show` is when nobody watches."""


@dataclass
class Outcome:
    """What became of a study run; filled while it goes, so that it outlives a Prefect that dies."""

    show: Callable[[str, str], None] = silent
    """Called as (step, state) when a step begins and ends: running, done, reused, failed, stopped,
    incomplete (where an earlier step failed)."""
    watch: Callable[[Plan, Root], None] | None = None
    """Called once, when the plan is made."""
    interrupts: Interrupts | None = None
    finished: bool = False
    error: BaseException | None = None
    failures: list[IinError] = field(default_factory=list)
    """Units that failed while the run went on."""
    verdicts: list[Verdict] = field(default_factory=list)
    report: str | None = None
    prefect_lost: bool = False

    def stopped(self) -> bool:
        """Whether a signal came."""
        return self.interrupts is not None and self.interrupts.signum is not None

    def exit_code(self) -> int:
        """The exit code, by precedence where several hold."""
        codes = [failure.exit_code for failure in self.failures]
        codes += [1 for verdict in self.verdicts if not verdict.passed]
        if self.interrupts and self.interrupts.signum:
            codes.append(128 + self.interrupts.signum)
        return worst(codes)


_OUTCOME: ContextVar[Outcome | None] = ContextVar("iin_outcome", default=None)


@contextmanager
def recorded(outcome: Outcome) -> Iterator[None]:
    """Let the study flow that is called in this block write what it does into `outcome`.

    Prefect takes only JSON as a flow's parameters; this goes around them.
    """
    token = _OUTCOME.set(outcome)
    try:
        yield
    finally:
        _OUTCOME.reset(token)


@dataclass
class Session:
    """One study run."""

    plan: Plan
    root: Root
    settings: Settings
    tracker: Tracker
    outcome: Outcome
    _stack: ExitStack
    _cluster: Cluster | None = None

    @property
    def cluster(self) -> Cluster:
        """Ray, started or joined when the first step asks for it."""
        if self._cluster is None:
            from tasks.cluster import connect

            connection = connect(self.settings.address, self.plan.study.resources, folder=self.plan.folder)
            self._cluster = replace(self._stack.enter_context(connection), stopped=self.outcome.stopped)
        return self._cluster


@contextmanager
def opened(file: str, settings: Settings) -> Iterator[Session]:
    """Read the study, make its plan and open its root; at the end say to MLflow how it ended.

    Raises:
        StudyError, ModelError, EnvironmentProblem: before any compute is spent.
    """
    outcome = _OUTCOME.get() or Outcome()
    try:
        with ExitStack() as stack:
            if outcome.interrupts:
                # Prefect puts its own handler in place when a flow begins; ours tells the signals apart.
                stack.enter_context(outcome.interrupts.installed())
            session = _begin(file, settings, outcome, stack)
            with _tracked(session):
                yield session
        outcome.finished = True
    except BaseException as error:
        outcome.error = error
        raise


def _begin(file: str, settings: Settings, outcome: Outcome, stack: ExitStack) -> Session:
    from tasks.check import checked_plan
    from tasks.output import open_root
    from tasks.study_file import load_study
    from tasks.study_record import write_record
    from tasks.track.tracker import Tracker

    plan, warnings = checked_plan(load_study(file), settings.root)
    for warning in warnings:
        log.warning("%s %s", warning.what, warning.where)
    root = open_root(settings.root)
    _reconcile(root, settings.tracking or plan.study.tracking.uri)
    write_record(plan, root)
    if outcome.watch:
        outcome.watch(plan, root)
    return Session(plan, root, settings, Tracker(plan, root, settings.tracking), outcome, stack)


def _reconcile(root: Root, tracking: str | None) -> None:
    """Killed runs of this root must not look as if they were still at work beside this one."""
    from prefect.context import FlowRunContext

    from flows.reconcile import end_prefect_runs, tidy

    lines = tidy(root, tracking)
    if FlowRunContext.get() is not None:
        lines += end_prefect_runs()
    for line in lines:
        log.info("left by a killed run, now gone: %s", line)


@contextmanager
def _tracked(session: Session) -> Iterator[None]:
    session.tracker.start()
    try:
        yield
    except KeyboardInterrupt:
        session.tracker.end("KILLED", "interrupted")
        raise
    except BaseException as error:
        session.tracker.end("FAILED", str(error))
        _write_down(session, [str(error)])
        raise
    failed = [str(failure) for failure in session.outcome.failures]
    failed += [str(verdict) for verdict in session.outcome.verdicts if not verdict.passed]
    session.tracker.end("FAILED" if failed else "FINISHED", "\n".join(failed))
    if failed:
        _write_down(session, failed)


def _write_down(session: Session, failures: list[str]) -> None:
    """Let `iin status` say later why the run failed."""
    from tasks.errors import EnvironmentProblem
    from tasks.study_record import write_record

    try:
        write_record(session.plan, session.root, failures)
    except EnvironmentProblem as error:
        # A full disk is often why the run failed, and that is what the person is to read.
        log.warning("status will not say why the run failed: %s", error.what)
