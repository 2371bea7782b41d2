"""`iin run`: the study, and what to do next at its end."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows import console
from flows.exit_codes import INTERRUPTED
from flows.interrupts import Interrupts
from flows.options import Address, RootUrl, StudyFile, Tracking
from flows.settings import STEPS, resolve, wanted_steps

if TYPE_CHECKING:
    from flows.session import Outcome
    from flows.settings import Settings

Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only", metavar="STEP", help=f"Run up to this step; repeat it or use commas: {', '.join(STEPS)}."
    ),
]


def run(
    study: StudyFile,
    root: RootUrl = None,
    address: Address = None,
    tracking: Tracking = None,
    only: Only = None,
) -> int:
    """Run a study; the same command resumes.

    What is sealed is never done again.
    """
    from flows.settings import prepare_environment

    settings = resolve(root=root, address=address, tracking=tracking, only=tuple(only or ()))
    prepare_environment(settings.root)
    interrupts = Interrupts(say=_say_interrupt)
    with interrupts.installed():
        outcome = _run(study, settings, interrupts)
    if interrupts.signum:
        console.note(f"stopped; what was sealed is kept. To go on: {again('run', study, root=root)}")
        return 128 + interrupts.signum
    _say_results(study, settings)
    _say_troubles(outcome)
    _say_next(settings, outcome, root)
    return outcome.exit_code()


def _run(study: str, settings: Settings, interrupts: Interrupts) -> Outcome:
    from flows.running import run_study
    from flows.session import Outcome
    from flows.view import shown

    with shown(wanted_steps(settings.only)) as view:
        outcome = Outcome(show=view.show, watch=view.watch, interrupts=interrupts)
        try:
            run_study(study, settings, outcome)
        except KeyboardInterrupt:
            interrupts.signum = interrupts.signum or INTERRUPTED - 128
        except Exception:
            if not interrupts.signum:
                raise
            # Work that was stopped in the middle may end with any error; the signal is the reason.
            logging.getLogger("tasks").debug("while stopping", exc_info=True)
    return outcome


def _say_interrupt(name: str) -> None:
    console.note(f"{name}: stopping; once more stops at once")


def _say_results(study: str, settings: Settings) -> None:
    if "evaluate" not in wanted_steps(settings.only):
        return
    from flows.scores import show_scores
    from tasks.results import open_study
    from tasks.study_file import load_study

    loaded = load_study(study)
    show_scores(open_study(settings.root, loaded.study.name).scores, title=loaded.study.name)


def _say_troubles(outcome: Outcome) -> None:
    for failure in outcome.failures:
        console.fail(failure)
    for verdict in outcome.verdicts:
        console.say(str(verdict))


def _say_next(settings: Settings, outcome: Outcome, root: str | None) -> None:
    if outcome.report:
        console.say(f"report: {outcome.report}")
    if "track" in wanted_steps(settings.only):
        console.say(f"MLflow: {again('ui', root=root)}")


def again(command: str, *words: str, root: str | None = None) -> str:
    """A command line as a person can paste it: the program as it was called, the root if it was given."""
    parts = [_program(), command, *words, *(["--root", root] if root else [])]
    return shlex.join(parts)


def _program() -> str:
    """`iin` where the shell finds it, else the path by which it was called."""
    called = Path(sys.argv[0])
    found = shutil.which("iin")
    if called.name != "iin" or (found and Path(found).samefile(called)):
        return "iin"
    return os.path.relpath(called)
