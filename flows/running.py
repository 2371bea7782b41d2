"""`iin run` from outside: with Prefect if there is one, without it if there is none, to one outcome."""

from __future__ import annotations

import logging
from dataclasses import asdict

from flows.prefect_api import own_server, wait_for
from flows.session import Outcome, log, recorded
from flows.settings import STEPS, Settings, prepare_environment, wanted_steps


def run_study(file: str, settings: Settings, outcome: Outcome) -> None:
    """Run a study to its end, whatever becomes of Prefect meanwhile.

    Args:
        file: the study file.
        settings: root, cluster, tracking, steps.
        outcome: is filled.

    Raises:
        IinError: what stopped the run.
        KeyboardInterrupt: a signal did.
    """
    prepare_environment(settings.root)
    _refuse_at_once(file, settings)
    parameters = asdict(settings) | {"file": file, "only": list(settings.only)}
    with own_server() as server:
        _quiet_console()
        from flows.study import study

        trouble = wait_for(server)
        with recorded(outcome):
            if trouble is None:
                trouble = _with_prefect(study, parameters, outcome)
            if trouble is not None:
                log.warning("Prefect cannot be reached: %s. The study runs without it.", trouble)
                study.fn(**parameters)


def _refuse_at_once(file: str, settings: Settings) -> None:
    """What can be told within seconds is told before a server is started for the run."""
    from tasks.output import open_root
    from tasks.study_file import load_study

    load_study(file)
    open_root(settings.root)
    if settings.address and wanted_steps(settings.only) != STEPS[:1]:
        from tasks.head import check_address

        check_address(settings.address)


def _with_prefect(study, parameters, outcome: Outcome) -> str | None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Run the flow; what is wrong with Prefect if that kept the study from its end, else None."""
    from prefect import tags

    from flows.reconcile import process_tags

    try:
        with tags(*process_tags()):
            study(**parameters)
    except Exception as error:
        if outcome.error is not None:
            raise outcome.error from None
        if outcome.finished:
            # The last word of a run is its final state; the study itself was done before.
            return None
        return f"{type(error).__name__}: {error}"
    finally:
        _flush(outcome)
    return None


def _quiet_console() -> None:
    """Keep Prefect's own lines off the screen: the records of a study have their place there."""
    from prefect.logging.configuration import setup_logging
    from prefect.logging.handlers import PrefectConsoleHandler

    setup_logging()
    root = logging.getLogger()
    for handler in [entry for entry in root.handlers if isinstance(entry, PrefectConsoleHandler)]:
        root.removeHandler(handler)


def _flush(outcome: Outcome) -> None:
    """Send what is still on its way, before the server that takes it is stopped."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    if not outcome.prefect_lost:
        APILogWorker.drain_all(timeout=5)
        EventsWorker.drain_all(timeout=5)
