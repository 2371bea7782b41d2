"""The step evaluate: every trained unit measured, one call on the cluster for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tasks.claim import claim, refuse_failures
from tasks.cluster import Call, Cluster
from tasks.evaluate_worker import Job, evaluate_and_seal
from tasks.output import Output, Root
from tasks.plan import ModelPlan, Plan, Unit


def evaluate(
    plan: Plan, root: Root, cluster: Cluster, on_sealed: Callable[[Unit, Output], None]
) -> list[Output]:
    """Measure what is trained and not evaluated.

    Units whose IIN or whose model's reader is not sealed are left out: that step has reported them.

    Args:
        plan: the study's.
        root: where outputs lie.
        cluster: what does the work.
        on_sealed: called with each unit whose evaluation was not there at the start and is now.

    Returns:
        The evaluations of all these units, in the order of the plan.

    Raises:
        IinError: units failed; the others are sealed.
    """
    trained = [
        unit
        for unit in plan.units
        if root.find(unit.train) is not None and _has_its_reader(plan.model(unit.model), root)
    ]
    waiting = {unit.evaluate.key: unit for unit in trained if root.find(unit.evaluate) is None}

    def seal(key: str) -> None:
        on_sealed(waiting[key], root.open("evaluations", key))

    def done(call: Call, _: Any) -> None:
        seal(call.args[1].unit.evaluate.key)

    with claim(root, [unit.evaluate for unit in waiting.values()]) as missing:
        keys = {step.key for step in missing}
        for key in waiting.keys() - keys:
            seal(key)
        calls = [
            Call(unit.name, (root.url, job_of(plan, unit))) for key, unit in waiting.items() if key in keys
        ]
        failures = cluster.run(evaluate_and_seal, calls, resource=plan.study.resources.evaluate, on_done=done)
    refuse_failures(failures, "evaluate")
    return [root.open("evaluations", unit.evaluate.key) for unit in trained]


def _has_its_reader(model: ModelPlan, root: Root) -> bool:
    return model.reader_prepare is None or root.find(model.reader_prepare) is not None


def job_of(plan: Plan, unit: Unit) -> Job:
    """What a worker needs in order to evaluate a unit."""
    study = plan.study
    return Job(
        folder=plan.folder,
        data=study.data.source,
        rows_key=plan.rows.key,
        model=plan.model(unit.model),
        unit=unit,
        probed=plan.probed,
        spec=unit.evaluation,
        batch=study.resources.batch,
    )
