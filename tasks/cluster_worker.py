"""The worker's side of a call: find the code, run it, send back a value or a readable error."""

from __future__ import annotations

import logging
import os
import pkgutil
import sys
import time
import traceback
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ray

import tasks
from iin_core.errors import IinError
from tasks.errors import EnvironmentProblem, UnitFailed
from tasks.memory import out_of_memory

RECORDS_A_SECOND = 20
"""What one worker may log; what is beyond is counted and said."""
_LOGGERS = ("tasks", "iin_core")
_log = logging.getLogger("tasks")


@dataclass(frozen=True)
class Setup:
    """What every call needs to know of the driver.

    Args:
        folder: the study's folder, where code of the user is looked for last.
        environment: the driver's own settings (``IIN_*``).
        threads: for torch.
        package: the folder of the driver's `tasks` package; None where nodes have their own disks.
        version: the driver's version of iin.
        log_box: handle of the actor that collects log records.
    """

    folder: str | None
    environment: Mapping[str, str]
    threads: int
    package: str | None
    version: str
    log_box: Any


@dataclass(frozen=True)
class Outcome:
    """A value or an error, of which exactly one is meant."""

    value: Any
    error: IinError | None


def invoke(setup: Setup, label: str, function: str, args: tuple[Any, ...]) -> Outcome:
    """Run ``module:function`` on a worker; an exception comes back as an error, not as a crash."""
    with _prepared(setup, label):
        try:
            # What exits would look to Ray like a worker that died, which is worth three more tries.
            return Outcome(pkgutil.resolve_name(function)(*args), None)
        except (Exception, SystemExit) as error:
            return Outcome(None, _readable(error, label))


class Host:
    """An actor that makes one instance of ``module:Class`` and calls it as often as asked."""

    # The setup comes with each call: Ray remakes an actor only from what needs no other actor's handle.
    def __init__(self, kind: str, init: tuple[Any, ...]) -> None:
        self._kind, self._init = kind, init
        self._instance: Any = None

    def call(self, setup: Setup, label: str, args: tuple[Any, ...]) -> Outcome:
        """Call the instance; it is made first if there is none yet, also after a restart."""
        with _prepared(setup, label):
            try:
                if self._instance is None:
                    if ray.get_runtime_context().was_current_actor_reconstructed:
                        _log.warning("its worker died and it is begun again")
                    self._instance = pkgutil.resolve_name(self._kind)(*self._init)
                return Outcome(self._instance(*args), None)
            except (Exception, SystemExit) as error:
                return Outcome(None, _readable(error, label))


class LogBox:
    """An actor that holds log records until the driver asks; it forgets the oldest when full."""

    def __init__(self, capacity: int = 2000) -> None:
        self._records: deque[tuple[int, str, str]] = deque(maxlen=capacity)

    def push(self, level: int, label: str, message: str) -> None:
        """Take one record in."""
        self._records.append((level, label, message))

    def drain(self) -> list[tuple[int, str, str]]:
        """Hand over all records (level, label of the call, message), oldest first."""
        records = list(self._records)
        self._records.clear()
        return records


def check_code(package: str | None, driver_version: str) -> None:
    """See that the `tasks` package of this worker is the driver's.

    Raises:
        EnvironmentProblem: it is another one, by version or because something shadows it.
    """
    folder = str(Path(tasks.__file__).parent)
    if folder != (package or folder) or version("iin") != driver_version:
        raise EnvironmentProblem(
            "A worker has another `tasks` package than the driver.",
            where=f"{folder} of iin {version('iin')} on the worker, iin {driver_version} on the driver",
            fix="install the same version of iin on every node, and keep files called tasks.py or "
            "iin_core.py out of the workers' path",
        )


@contextmanager
def _prepared(setup: Setup, label: str) -> Iterator[None]:
    import torch

    check_code(setup.package, setup.version)
    if setup.folder is not None and setup.folder not in sys.path:
        sys.path.append(setup.folder)
    for name in [name for name in os.environ if name.startswith("IIN_")]:
        del os.environ[name]
    os.environ.update(setup.environment)
    torch.set_num_threads(setup.threads)
    handler = _Sender(setup.log_box, label)
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        handler.close()


def _readable(error: BaseException, label: str) -> IinError:
    if isinstance(error, IinError):
        return error
    text = "".join(traceback.format_exception(error))
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    if out_of_memory(error):
        # What is used up now is used up again: it is not begun anew, as a worker that died is.
        return UnitFailed(
            f"{label}: there was not enough memory{place}.",
            where=text.strip().replace("\n", "\n    "),
            fix="let fewer run at once with resources.<step>.cpus or resources.<step>.memory_gib, or ask for "
            "less (fewer rows, draws or samples); then run the same command again: what is sealed is kept",
        )
    return UnitFailed(
        f"{label}: {type(error).__name__}: {error}{place}",
        where=text.strip().replace("\n", "\n    "),
        fix="if the code named last is yours, mend it there; then run the same command again: "
        "what is sealed is kept",
    )


class _Sender(logging.Handler):
    """Sends records to the log box, at most so many a second."""

    def __init__(self, log_box: Any, label: str) -> None:
        super().__init__(logging.INFO)
        self._log_box, self._label = log_box, label
        self._sent: deque[float] = deque(maxlen=RECORDS_A_SECOND)
        self._left_out = 0
        self._pending: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        now = time.monotonic()
        if len(self._sent) == RECORDS_A_SECOND and now - self._sent[0] < 1:
            self._left_out += 1
            return
        self._sent.append(now)
        self._push(record.levelno, record.getMessage())

    def close(self) -> None:
        if self._left_out:
            self._push(logging.WARNING, f"{self._left_out} more records were left out")
        if self._pending:
            # A call returns after its records, so that the driver shows them before it goes on.
            ray.wait(self._pending, num_returns=len(self._pending), timeout=2)
        super().close()

    def _push(self, level: int, message: str) -> None:
        self._pending = [
            *self._pending[-RECORDS_A_SECOND:],
            self._log_box.push.remote(level, self._label, message),
        ]
