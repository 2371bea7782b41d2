"""What `iin run` shows while it goes: a live table in a terminal, one line an event elsewhere."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flows.console import clean, console, note
from flows.settings import STEPS
from iin_core.errors import IinError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from flows.stepping import StudyStep
    from tasks.output import Root
    from tasks.plan import Plan

SIGNS = {
    "waiting": " ",
    "running": ">",
    "done": "+",
    "reused": "=",
    "failed": "!",
    "stopped": "!",
    "incomplete": "!",
}
REFRESH_SECONDS = 1.0


@dataclass
class View:
    """The state of each step, and how many of its outputs are sealed."""

    live: bool
    steps: tuple[str, ...] = STEPS
    states: dict[str, str] = field(default_factory=dict)
    sealed: dict[str, tuple[int, int]] = field(default_factory=dict)
    _plan: Plan | None = None
    _root: Root | None = None
    _began: dict[str, float] = field(default_factory=dict)
    _took: dict[str, float] = field(default_factory=dict)

    def watch(self, plan: Plan, root: Root) -> None:
        """Know what there is to do."""
        self._plan, self._root = plan, root
        if not self.live:
            note(f"study {plan.study.name}: {len(plan.units)} units in {root.url}")

    def show(self, step: str, state: str) -> None:
        """Take note that a step began or ended."""
        self.states[step] = state
        if state == "running":
            self._began[step] = time.monotonic()
        else:
            self._took[step] = time.monotonic() - self._began.get(step, time.monotonic())
        self.count(step)
        if not self.live:
            note(self._line(step))

    def count(self, step: str) -> None:
        """Count the sealed outputs of a step."""
        if self._plan is None or self._root is None:
            return
        outputs_of = _definition(step).outputs
        outputs = outputs_of(self._plan) if outputs_of else []
        try:
            found = sum(self._root.find(output) is not None for output in outputs)
        except IinError:
            return  # damaged: the step itself will say so
        self.sealed[step] = (found, len(outputs))

    def _line(self, step: str) -> str:
        state = self.states.get(step, "waiting")
        found, wanted = self.sealed.get(step, (0, 0))
        counted = f"{found}/{wanted}" if wanted else ""
        seconds = self._took.get(step)
        took = f"{seconds:.1f} s" if seconds is not None else ""
        return f"  {SIGNS[state]} {step:<11} {state:<10} {counted:>9} {took:>9}".rstrip()

    def table(self) -> RenderableType:
        """The live table."""
        from rich.text import Text

        for step, state in self.states.items():
            if state == "running":
                self.count(step)
                self._took[step] = time.monotonic() - self._began[step]
        return Text("\n".join(self._line(step) for step in self.steps))


def _definition(step: str) -> StudyStep:
    from flows import steps

    found: StudyStep = getattr(steps, step)
    return found


class _Lines(logging.Handler):
    """Records of the study and of its workers, a line each."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            clock = time.strftime("%H:%M:%S", time.localtime(record.created))
            level = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
            note(f"{clock} {level}{clean(record.getMessage())}")
        except Exception:
            self.handleError(record)


@contextmanager
def shown(steps: tuple[str, ...]) -> Iterator[View]:
    """Show the run in this block on standard error."""
    view = View(live=sys.stderr.isatty(), steps=steps)
    handler = _Lines(logging.INFO)
    logger = logging.getLogger("tasks")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        if view.live:
            with _live(view):
                yield view
        else:
            yield view
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextmanager
def _live(view: View) -> Iterator[None]:
    from rich.live import Live

    with Live(console=console(stderr=True), get_renderable=view.table, auto_refresh=False) as live:
        stopped = threading.Event()

        def refresh() -> None:
            while not stopped.wait(REFRESH_SECONDS):
                live.refresh()

        thread = threading.Thread(target=refresh, name="iin-view", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()
            live.refresh()
