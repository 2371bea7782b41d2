"""The step dimensions: how many dimensions each concept gets in each layer."""

from __future__ import annotations

from tasks.claim import claim, refuse_failures
from tasks.cluster import Call, Cluster
from tasks.dimensions_worker import estimate_and_seal
from tasks.output import Root
from tasks.plan import Plan


def estimate(plan: Plan, root: Root, cluster: Cluster) -> None:
    """Estimate what is not sealed, the concept sets of a layer in one call.

    Layers whose activations are not sealed are left out: that step has reported them.

    Raises:
        IinError: an estimate failed; the others are sealed.
    """
    units = {unit.dimensions.key: unit for unit in plan.units if root.find(unit.layer.extract) is not None}
    with claim(root, [unit.dimensions for unit in units.values()]) as missing:
        by_layer: dict[str, list[str]] = {}
        for step in missing:
            by_layer.setdefault(units[step.key].layer.extract.key, []).append(step.key)
        calls = [
            Call(units[keys[0]].layer.extract.label, (root.url, plan.rows.key, [units[key] for key in keys]))
            for keys in by_layer.values()
        ]
        failures = cluster.run(estimate_and_seal, calls, resource=plan.study.resources.train)
    refuse_failures(failures, "dimensions")
