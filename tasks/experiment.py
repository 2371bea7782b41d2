"""The step experiments: each of them on its unit, layer or model, and what compares these at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tasks.claim import claim, refuse_failures
from tasks.cluster import Call, Cluster, Failure
from tasks.experiment_worker import experiment_and_seal
from tasks.experiments import EXPERIMENTS
from tasks.experiments.cost import experiment_seconds
from tasks.experiments.job import ExperimentJob
from tasks.output import Output, Root
from tasks.plan import ModelPlan, Plan
from tasks.planned import PlannedExperiment
from tasks.step import Step


def experiment(plan: Plan, root: Root, cluster: Cluster) -> list[Output]:
    """Do every experiment that is not sealed; those of the whole study when all the others are.

    What reads something that is not sealed is left out: the step that should have made it has said why.

    Args:
        plan: the study's.
        root: where outputs lie.
        cluster: what does the work.

    Returns:
        What is sealed now, in the order of the plan.

    Raises:
        IinError: experiments failed; the others are sealed.
    """
    last = [planned for planned in plan.experiments if EXPERIMENTS[planned.name].scope == "study"]
    first = [planned for planned in plan.experiments if planned not in last]
    failed = [*_done(plan, root, cluster, first)]
    failed += _done(plan, root, cluster, last)
    refuse_failures(failed, "experiments")
    found = (root.find(planned.step) for planned in plan.experiments)
    return [output for output in found if output is not None]


def _done(plan: Plan, root: Root, cluster: Cluster, wanted: Sequence[PlannedExperiment]) -> list[Failure]:
    ready = {planned.step.key: planned for planned in wanted if _can_be_done(plan, root, planned)}
    with claim(root, [planned.step for planned in ready.values()]) as missing:
        calls = [
            Call(step.label, (root.url, job_of(plan, ready[step.key])))
            for step in {step.key: step for step in missing}.values()
        ]
        if not calls:
            return []
        # Where a call's worker died after it sealed, the work is there all the same.
        failures = cluster.run(experiment_and_seal, calls, resource=plan.study.resources.experiments)
        return [failure for failure in failures if root.find(_step(failure)) is None]


def _step(failure: Failure) -> Step:
    job: ExperimentJob = failure.call.args[1]
    return job.planned.step


def _can_be_done(plan: Plan, root: Root, planned: PlannedExperiment) -> bool:
    return all(root.find(step) is not None for step in _inputs(plan, planned))


def _inputs(plan: Plan, planned: PlannedExperiment) -> Iterator[Step]:
    """The steps whose outputs it reads."""
    wanted = set(planned.step.inputs.values())
    return (step for step in plan.steps() if step.key in wanted)


def job_of(plan: Plan, planned: PlannedExperiment) -> ExperimentJob:
    """What a worker needs for an experiment."""
    study, kind = plan.study, EXPERIMENTS[planned.name]
    return ExperimentJob(
        experiment=kind,
        planned=planned,
        folder=plan.folder,
        data=study.data.source,
        rows_key=plan.rows.key,
        models=_models(plan, planned),
        probed=plan.probed,
        measuring=(planned.unit.evaluation if planned.unit else study.evaluation).model_copy(
            update={"level": "default"}
        ),
        batch=study.resources.batch,
        plan=plan if kind.scope == "study" else None,
        expected=experiment_seconds(plan, planned),
    )


def _models(plan: Plan, planned: PlannedExperiment) -> tuple[ModelPlan, ...]:
    names = [planned.model.name] if planned.model else []
    names += [found.model for found in planned.reads.values() if not isinstance(found, Step)]
    return tuple(plan.model(name) for name in dict.fromkeys(names))
