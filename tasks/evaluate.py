"""The step evaluate: every trained unit measured, those of a layer and concept set in one call."""

from __future__ import annotations

from collections.abc import Callable

from tasks.claim import claim, refuse_failures
from tasks.cluster import Call, Cluster, Failure
from tasks.evaluate_groups import evaluated_together
from tasks.evaluate_job import Job
from tasks.evaluate_worker import evaluate_and_seal
from tasks.output import Output, Root
from tasks.plan import ModelPlan, Plan, Unit
from tasks.train_worker import UnitFailure


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

    failed: list[Failure] = []

    def done(call: Call, failures: list[UnitFailure]) -> None:
        failed.extend(Failure(Call(failure.unit), failure.error) for failure in failures)
        names = {failure.unit for failure in failures}
        for job in call.args[1]:
            if job.unit.name not in names:
                seal(job.unit.evaluate.key)

    with claim(root, [unit.evaluate for unit in waiting.values()]) as missing:
        keys = {step.key for step in missing}
        for key in waiting.keys() - keys:
            seal(key)
        groups = evaluated_together([unit for key, unit in waiting.items() if key in keys], plan.sizes)
        calls = [_call(plan, root, group) for group in groups]
        resource = plan.study.resources.evaluate
        for failure in cluster.run(evaluate_and_seal, calls, resource=resource, on_done=done):
            # Of a call that ended early some units may be sealed all the same.
            lost = [job.unit for job in failure.call.args[1] if root.find(job.unit.evaluate) is None]
            done(failure.call, [UnitFailure(unit.name, failure.error) for unit in lost])
    refuse_failures(failed, "evaluate")
    return [root.open("evaluations", unit.evaluate.key) for unit in trained]


def _call(plan: Plan, root: Root, group: list[Unit]) -> Call:
    more = f" and {len(group) - 1} more" if len(group) > 1 else ""
    return Call(f"{group[0].name}{more}", (root.url, [job_of(plan, unit) for unit in group]))


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
