"""The step report: one HTML file that holds a whole study, sealed when the study is complete."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from iin_core.errors import IinError
from tasks.claim import claim
from tasks.report.facts import StudyFacts, read_facts
from tasks.storage import readable_errors, replace

if TYPE_CHECKING:
    from upath import UPath

    from tasks.output import Output, Root
    from tasks.planned import Plan

FILE = "report.html"
FOLDER = "reports"


def write_report(plan: Plan, root: Root, failures: Sequence[IinError] = ()) -> UPath:
    """Write ``<root>/reports/<study>.html``.

    With every unit evaluated the page is sealed, and made only once. Until then it is written anew each
    time: it tells what there is, what is missing, and what failed.

    Args:
        plan: the study's.
        root: where its outputs lie.
        failures: what stopped units in this run.

    Returns:
        The path of the page.

    Raises:
        DamagedOutput: a sealed output is no longer whole.
        EnvironmentProblem: no space left, or no right to write.
    """
    sealed = root.find(plan.report)
    if sealed is None:
        facts = read_facts(plan, root, failures)
        if not _is_complete(facts):
            return publish(root, plan.study.name, _page(facts))
        sealed = _seal(plan, root, facts)
    return publish(root, plan.study.name, sealed.read(FILE))


def _is_complete(facts: StudyFacts) -> bool:
    done = all(entry.found is not None for entry in facts.experiments)
    return done and bool(facts.rows) and all(unit.evaluated is not None for unit in facts.units)


def _page(facts: StudyFacts) -> bytes:
    from tasks.report.page import render

    return render(facts).encode()


def _seal(plan: Plan, root: Root, facts: StudyFacts) -> Output:
    with claim(root, [plan.report]) as missing:
        for step in missing:
            begun = time.perf_counter()
            page = _page(dataclasses.replace(facts, failures=()))
            with root.begin(step) as attempt:
                (attempt.path / FILE).write_bytes(page)
                meta = {"study": plan.study.name, "units": len(plan.units)}
                attempt.seal(meta, times={"report": time.perf_counter() - begun})
    return root.open("report", plan.report.key)


def publish(root: Root, name: str, page: bytes) -> UPath:
    """Write ``<root>/reports/<name>.html``, in one piece, over what was there.

    Raises:
        EnvironmentProblem: no space left, or no right to write.
    """
    path = root.path / FOLDER / f"{name}.html"
    with readable_errors("the report", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, page)
    return path
