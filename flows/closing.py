"""The end of a study run: are the gates passed, and the table of scores for whoever looks at Prefect."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flows.scores import HEADLINE_COLUMNS, LEGEND, SHORT_NOTE, score_rows, seed_lines
from flows.session import Session, log
from flows.settings import wanted_steps

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State


def close(session: Session) -> State[Any]:
    """Check the gates, publish the score table, and say how the run went.

    Returns:
        Prefect's state for the flow run: failed if a unit or a gate did.
    """
    from prefect.states import Completed, Failed

    from tasks.gates import check_gates

    outcome = session.outcome
    wanted = wanted_steps(session.settings.only)
    if "evaluate" in wanted:
        # What a run leaves out has not failed in it.
        verdicts = check_gates(session.plan, session.root)
        outcome.verdicts = [verdict for verdict in verdicts if verdict.step in wanted]
        _publish(session)
    troubles = [str(failure) for failure in outcome.failures]
    troubles += [str(verdict) for verdict in outcome.verdicts if not verdict.passed]
    if troubles:
        return Failed(message="\n".join(troubles))
    return Completed(message=f"{len(session.plan.units)} units; report: {outcome.report}")


def _publish(session: Session) -> None:
    from prefect.artifacts import create_markdown_artifact
    from prefect.context import FlowRunContext

    if FlowRunContext.get() is None or session.outcome.prefect_lost:
        return
    name = session.plan.study.name
    try:
        create_markdown_artifact(
            key="scores-" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-"),
            markdown=_markdown(session),
            description=f"Scores of study {name}",
        )
    except Exception as error:
        # Whatever its client raises: a table that Prefect does not show is no reason to fail a study.
        session.outcome.prefect_lost = True
        log.warning("Prefect did not take the score table (%s)", type(error).__name__)


def _markdown(session: Session) -> str:
    from tasks.results import score_table
    from tasks.tracked_names import markdown_text

    scores = score_table(session.plan, session.root)
    rows = score_rows(scores)
    lines = [
        f"# {markdown_text(session.plan.study.name)}",
        "",
        markdown_text(session.plan.study.description),
        "",
    ]
    lines += [_line(HEADLINE_COLUMNS), _line(["---"] * len(HEADLINE_COLUMNS))]
    lines += [_line([markdown_text(cell) for cell in row]) for row in rows]
    lines += ["", *(f"- {markdown_text(line)}" for line in seed_lines(scores))]
    lines += ["", markdown_text(LEGEND), "", markdown_text(SHORT_NOTE)]
    if session.outcome.report:
        lines += ["", f"Report: `{session.outcome.report.replace('`', '')}`"]
    return "\n".join(lines)


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"
