"""The study as a Prefect flow: which steps there are, and in which order."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows import steps
from flows.closing import close
from flows.session import opened
from flows.settings import resolve


@flow(name="study", flow_run_name="{file}", persist_result=False, validate_parameters=False)
def study(
    file: str,
    root: str | None = None,
    address: str | None = None,
    tracking: str | None = None,
    only: list[str] | None = None,
) -> State[Any]:
    """Take a study from its file to its report; what is sealed is never done again.

    Args:
        file: the study file.
        root: where outputs lie: a path or an fsspec URL.
        address: a Ray cluster; None starts Ray on this machine.
        tracking: an MLflow URI; None is SQLite under the root.
        only: the last steps wanted; None means all.

    Returns:
        The final state: failed, with the reasons, if a unit or a gate did.

    Raises:
        IinError: what stopped the run: what, where, what to do.
    """
    settings = resolve(root=root, address=address, tracking=tracking, only=tuple(only or ()))
    with opened(file, settings) as session:
        steps.rows(session)
        steps.prepare(session)
        steps.extract(session)
        steps.dimensions(session)
        steps.train(session)
        steps.evaluate(session)
        steps.experiments(session)
        steps.report(session)
        steps.track(session)
        return close(session)
