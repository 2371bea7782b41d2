"""The step prepare: fit the models, and readers, whose source says how."""

from __future__ import annotations

from tasks.claim import claim, refuse_failures
from tasks.cluster import Call, Cluster
from tasks.output import Root
from tasks.plan import Plan
from tasks.prepare_probe_worker import ProbeFitting, fit_probe_and_seal
from tasks.prepare_worker import Fitting, fit_and_seal
from tasks.step import Step


def prepare(plan: Plan, root: Root, cluster: Cluster) -> None:
    """Fit what is not sealed, each model in a call of its own.

    Raises:
        IinError: a fit failed; the others are sealed.
    """
    fittings = {fitting.step.key: fitting for fitting in _fittings(plan)}
    with claim(root, [fitting.step for fitting in fittings.values()]) as missing:
        calls = [Call(step.label, (root.url, fittings[step.key])) for step in missing]
        failures = cluster.run(fit_and_seal, calls, resource=plan.study.resources.prepare)
    # Probes read what the fitted models return.
    probes = {fitting.step.key: fitting for fitting in _probes(plan, root)}
    with claim(root, [fitting.step for fitting in probes.values()]) as missing:
        calls = [Call(step.label, (root.url, probes[step.key])) for step in missing]
        failures += cluster.run(fit_probe_and_seal, calls, resource=plan.study.resources.prepare)
    refuse_failures(failures, "prepare")


def _probes(plan: Plan, root: Root) -> list[ProbeFitting]:
    """Of the models that are there; one that could not be fitted has been reported."""
    return [
        ProbeFitting(
            step=model.reader_prepare,
            model=model.spec.source,
            prepared=model.prepare,
            output=model.spec.reader.output,
            data=plan.study.data.source,
            folder=plan.folder,
            rows_key=plan.rows.key,
            batch=plan.study.resources.batch,
        )
        for model in plan.models
        if model.spec.reader is not None and model.spec.probes and model.reader_prepare is not None
        if _is_there(model.prepare, root)
    ]


def _is_there(prepared: Step | None, root: Root) -> bool:
    return prepared is None or root.find(prepared) is not None


def _fittings(plan: Plan) -> list[Fitting]:
    found = []
    for model in plan.models:
        if model.prepare is not None:
            found.append((model.prepare, model.spec.source, model.spec.fit))
        reader, source = model.spec.reader, model.spec.reader_source
        if model.reader_prepare is not None and reader is not None and source is not None:
            found.append((model.reader_prepare, source, reader.fit))
    return [
        Fitting(step, source, fit or {}, plan.study.data.source, plan.folder, plan.rows.key)
        for step, source, fit in found
    ]
