"""The step prepare: fit the models, and readers, whose source says how."""

from __future__ import annotations

from tasks.claim import claim, refuse_failures
from tasks.cluster import Call, Cluster
from tasks.output import Root
from tasks.plan import Plan
from tasks.prepare_worker import Fitting, fit_and_seal


def prepare(plan: Plan, root: Root, cluster: Cluster) -> None:
    """Fit what is not sealed, each model in a call of its own.

    Raises:
        IinError: a fit failed; the others are sealed.
    """
    fittings = {fitting.step.key: fitting for fitting in _fittings(plan)}
    with claim(root, [fitting.step for fitting in fittings.values()]) as missing:
        calls = [Call(step.label, (root.url, fittings[step.key])) for step in missing]
        failures = cluster.run(fit_and_seal, calls, resource=plan.study.resources.prepare)
    refuse_failures(failures, "prepare")


def _fittings(plan: Plan) -> list[Fitting]:
    found = []
    for model in plan.models:
        if model.prepare is not None:
            found.append((model.prepare, model.spec.source, model.spec.fit))
        if model.reader_prepare is not None and model.spec.reader is not None:
            found.append((model.reader_prepare, model.spec.reader.source, model.spec.reader.fit))
    return [
        Fitting(step, source, fit or {}, plan.study.data.source, plan.folder, plan.rows.key)
        for step, source, fit in found
    ]
