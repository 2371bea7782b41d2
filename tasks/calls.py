"""Calls on a cluster: run functions as Ray tasks or in Ray actors, collect values and failures."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

import tasks
from iin_core.errors import IinError
from tasks.cluster_worker import Host, Outcome, Setup, invoke
from tasks.errors import EnvironmentProblem, UnitFailed
from tasks.nodes import NodeWatch, demand, places
from tasks.study import ResourceSpec, ResourcesSpec

RETRIES = 3
"""How often a call is repeated, or an actor restarted, after its worker died."""
_IN_FLIGHT = 128
_log = logging.getLogger("tasks.worker")


@dataclass(frozen=True)
class Call:
    """One call: `label` is how a person knows it, `args` must be picklable."""

    label: str
    args: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Failure:
    """A call that has no value, and why."""

    call: Call
    error: IinError


OnDone = Callable[[Call, Any], None]


def ignore(call: Call, value: Any) -> None:
    """The `on_done` of calls whose values do not matter."""


def never() -> bool:
    """Whether to stop, where nobody asks for it."""
    return False


@dataclass(frozen=True)
class Cluster:
    """A connection to Ray; get one from `tasks.cluster.connect`.

    Args:
        resources: the study's; `wait` and `time_limit` are in seconds.
        folder: the study's folder, the last place where workers look for code.
        local: it was started for this process and never gets more nodes.
        log_box: the actor that collects the workers' log records.
        stopped: asked while calls run; whether a signal wanted the work to stop.
    """

    resources: ResourcesSpec
    folder: str | None
    local: bool
    log_box: Any
    stopped: Callable[[], bool] = never

    def run(
        self,
        function: Callable[..., Any],
        calls: Sequence[Call],
        *,
        resource: ResourceSpec,
        on_done: OnDone = ignore,
    ) -> list[Failure]:
        """Run a module-level function once for each call, as Ray tasks.

        A call whose worker dies is repeated `RETRIES` times, with a warning; one that raises is not.

        Args:
            function: importable on the workers under the same name.
            calls: what to run.
            resource: what each call takes.
            on_done: called here with each call and its value, in the order of completion.

        Returns:
            The calls that failed; an `IinError` raised by the function arrives as itself.

        Raises:
            EnvironmentProblem: no node offers the resource, the time limit, or workers that have
                other code than the driver.
            KeyboardInterrupt: the work is to stop.
        """
        watch = NodeWatch(resource, self.resources, self.local)
        watch.wait()
        # Ray would repeat a call without a word; `_collect` says so.
        remote: Any = ray.remote(invoke).options(**demand(resource), max_retries=0)
        setup, name = self._setup(resource), _name_of(function)

        def submit(_: Any, call: Call) -> Any:
            return remote.remote(setup, call.label, name, call.args)

        return self._collect(submit, [None] * _IN_FLIGHT, calls, watch, on_done)

    def run_actors(
        self,
        kind: type,
        init: tuple[Any, ...],
        calls: Sequence[Call],
        *,
        resource: ResourceSpec,
        on_done: OnDone = ignore,
    ) -> list[Failure]:
        """The same with instances of a class that live for all calls: each is ``instance(*args)``.

        An actor that dies is restarted, makes its instance anew and repeats its call, so calls
        must be idempotent.
        """
        watch = NodeWatch(resource, self.resources, self.local)
        watch.wait()
        host: Any = ray.remote(Host).options(
            **demand(resource), max_restarts=RETRIES, max_task_retries=RETRIES
        )
        setup, name = self._setup(resource), _name_of(kind)
        actors = [host.remote(name, init) for _ in range(min(len(calls), places(resource)))]

        def submit(actor: Any, call: Call) -> Any:
            return actor.call.remote(setup, call.label, call.args)

        try:
            return self._collect(submit, list(actors), calls, watch, on_done)
        finally:
            for actor in actors:
                ray.kill(actor)

    def _collect(
        self,
        submit: Callable[[Any, Call], Any],
        free: list[Any],
        calls: Sequence[Call],
        watch: NodeWatch,
        on_done: OnDone,
    ) -> list[Failure]:
        waiting = deque((call, 0) for call in calls)
        running: dict[Any, tuple[Any, Call, int]] = {}
        failures: list[Failure] = []
        try:
            while waiting or running:
                while waiting and free:
                    slot, (call, deaths) = free.pop(), waiting.popleft()
                    running[submit(slot, call)] = (slot, call, deaths)
                if not running:
                    return failures + [Failure(call, _worker_died(call.label, "")) for call, _ in waiting]
                for ref in ray.wait(list(running), num_returns=1, timeout=0.25)[0]:
                    slot, call, deaths = running.pop(ref)
                    outcome, alive = _fetch(ref, call.label)
                    free += [slot] if alive else []
                    if outcome.error is None:
                        on_done(call, outcome.value)
                    elif slot is None and isinstance(outcome.error, _WorkerDied) and deaths < RETRIES:
                        _log.warning("%s: its worker died and it is begun again", call.label)
                        waiting.append((call, deaths + 1))
                    else:
                        failures.append(Failure(call, outcome.error))
                self._show_logs()
                watch.check()
                if self.stopped():
                    # A signal's own exception is lost where it is raised within code that catches everything.
                    raise KeyboardInterrupt
        finally:
            _cancel(running)
            self._show_logs()
        return failures

    def _setup(self, resource: ResourceSpec) -> Setup:
        return Setup(
            folder=self.folder,
            environment=_settings(os.environ),
            threads=max(1, int(resource.cpus)),
            package=str(Path(tasks.__file__).parent) if self.local else None,
            version=version("iin"),
            log_box=self.log_box,
        )

    def _show_logs(self) -> None:
        try:
            records = ray.get(self.log_box.drain.remote(), timeout=2)
        except RayError:
            # Records are a comfort: without their actor the work goes on.
            return
        for level, label, message in records:
            _log.log(level, "%s: %s", label, message)


def _fetch(ref: Any, label: str) -> tuple[Outcome, bool]:
    """The outcome of a call, and whether its worker is still there for the next one."""
    try:
        return ray.get(ref), True
    except RayTaskError as error:
        # The call itself catches what it raises: this came from outside it.
        if isinstance(error.cause, EnvironmentProblem):
            raise error.cause from None
        if "import" in str(error):
            raise _foreign_code(str(error)) from error
        return Outcome(None, UnitFailed(f"{label}: {type(error.cause).__name__}", where=str(error))), True
    except RayError as error:
        alive = not isinstance(error, RayActorError)
        return Outcome(None, _worker_died(label, str(error).strip().splitlines()[0])), alive


class _WorkerDied(UnitFailed):
    """A call ended with its worker."""


def _worker_died(label: str, why: str) -> _WorkerDied:
    return _WorkerDied(
        f"{label}: its worker died {RETRIES + 1} times.",
        where=why,
        fix="the usual cause is memory: give the step more with resources.<step>.memory_gib or let fewer "
        "run at once with resources.<step>.cpus; then run the same command again",
    )


def _foreign_code(text: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        "A worker cannot import the code of iin.",
        where=text.strip().splitlines()[-1],
        fix="install the same version of iin and its extra `study` on every node, and keep files called "
        "tasks.py or iin_core.py out of the workers' path (PYTHONPATH)",
    )


def _cancel(running: Mapping[Any, tuple[Any, Call, int]]) -> None:
    for ref, (actor, *_) in running.items():
        if actor is None:
            ray.cancel(ref, force=True)


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("IIN_")}


def _name_of(thing: Callable[..., Any]) -> str:
    return f"{thing.__module__}:{thing.__qualname__}"
