"""How a step runs: not at all when its outputs are sealed, as a Prefect task when there is a Prefect."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.exit_codes import UNITS_FAILED
from flows.session import Session, log
from flows.settings import wanted_steps
from iin_core.errors import IinError
from tasks.step import Step

if TYPE_CHECKING:
    from prefect import Task
    from prefect.client.schemas.objects import State, TaskRun

    from tasks.plan import Plan


@dataclass(frozen=True)
class StudyStep:
    """One step of every study; call it with the session of a run.

    Args:
        name: as in `iin run --only`.
        work: makes what is not sealed yet.
        outputs: which outputs it makes for a plan; None: it makes none, and is done each time.
        retries: how often Prefect tries again after a fault of the surroundings.
        tags: for Prefect's filters and concurrency limits.
    """

    name: str
    work: Callable[[Session], None]
    outputs: Callable[[Plan], list[Step]] | None
    retries: int
    tags: tuple[str, ...]

    def __call__(self, session: Session) -> None:
        """Run the step, unless `--only` leaves it out.

        Raises:
            IinError: what stopped it; units that failed are noted in the outcome instead.
        """
        if self.name not in wanted_steps(session.settings.only):
            return
        attempt = _Attempt(self, session)
        show = session.outcome.show
        show(self.name, "running")
        try:
            _through_prefect(attempt)
        except IinError as failure:
            if failure.exit_code != UNITS_FAILED:
                show(self.name, "failed")
                raise
            # The other units are sealed, and what can be said of them is worth saying.
            session.outcome.failures.append(failure)
            log.error("%s", failure)
            show(self.name, "failed")
            return
        except KeyboardInterrupt:
            show(self.name, "stopped")
            raise
        except BaseException:
            show(self.name, "failed")
            raise
        show(self.name, "reused" if attempt.reused else "incomplete" if attempt.left else "done")


def step(
    outputs: Callable[[Plan], list[Step]] | None, *, retries: int = 0, tags: tuple[str, ...] = ()
) -> Callable[[Callable[[Session], None]], StudyStep]:
    """Make a function the work of a step that has its name."""
    return lambda work: StudyStep(work.__name__, work, outputs, retries, ("iin", *tags))


@dataclass
class _Attempt:
    step: StudyStep
    session: Session
    reused: bool = False
    left: int = 0
    """Outputs that were not made, since an earlier step failed."""
    ended: bool = False
    error: BaseException | None = None

    def run(self) -> str:
        """Do the work; what it raises is kept, so that a fault of Prefect's can be told from it."""
        try:
            started = time.monotonic()
            wanted = self.step.outputs(self.session.plan) if self.step.outputs else []
            missing = self._missing(wanted)
            self.reused = self.step.outputs is not None and not missing
            self.step.work(self.session)
            self.ended = True
            if self.reused:
                return f"{len(wanted)} sealed outputs"
            self.left = self._missing(wanted) if self.session.outcome.failures else 0
            return (
                f"{missing - self.left} of {len(wanted)} outputs made in {time.monotonic() - started:.1f} s"
            )
        except BaseException as error:
            self.error = error
            raise

    def _missing(self, wanted: list[Step]) -> int:
        return sum(self.session.root.find(output) is None for output in wanted)


def _through_prefect(attempt: _Attempt) -> None:
    from prefect.context import FlowRunContext

    outcome = attempt.session.outcome
    if FlowRunContext.get() is None or outcome.prefect_lost:
        attempt.run()
        return
    try:
        call: Callable[[], object] = _as_task(attempt)
        call()
    except Exception as error:
        if error is attempt.error:
            raise
        outcome.prefect_lost = True
        log.warning("Prefect no longer answers (%s); the study goes on without it", type(error).__name__)
        if not attempt.ended:
            attempt.run()


def _as_task(attempt: _Attempt) -> Task[..., Any]:
    from prefect import Task
    from prefect.cache_policies import NO_CACHE
    from prefect.states import Completed

    definition = attempt.step

    def run() -> State | None:
        said = attempt.run()
        return Completed(name="Reused" if attempt.reused else "Completed", message=said)

    made: Task[..., Any] = Task(
        run,
        name=definition.name,
        task_run_name=definition.name,
        description=definition.work.__doc__,
        tags=definition.tags,
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=definition.retries,
        retry_delay_seconds=5,
        retry_condition_fn=_worth_retrying,
        timeout_seconds=attempt.session.plan.study.resources.time_limit,
    )
    return made


def _worth_retrying(task: Task[..., Any], run: TaskRun, state: State) -> bool:
    """A wrong study stays wrong; a lost worker or a connection may come back."""
    try:
        state.result(raise_on_failure=True)
    except IinError:
        return False
    except Exception:
        return True
    return False
