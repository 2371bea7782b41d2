"""The step train: one IIN for each layer, concept set and seed, units of one shape together."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.claim import claim, refuse_failures
from tasks.cluster import Call, Cluster, Failure
from tasks.nodes import memory_of_one, places
from tasks.output import Root
from tasks.plan import Plan, Unit
from tasks.train_groups import grouped, refuse_too_large
from tasks.train_worker import UnitFailure, train_and_seal


def train(plan: Plan, root: Root, cluster: Cluster) -> None:
    """Train what is not sealed, in groups of one shape; a unit does not depend on its group.

    Units whose dimensions are not sealed are left out: that step has reported them.

    Raises:
        IinError: units failed; the others are sealed.
    """
    resource, seconds = plan.study.resources.train, plan.study.resources.checkpoint
    units = {unit.train.key: unit for unit in plan.units if root.find(unit.dimensions) is not None}
    failures: list[Failure] = []

    def collect(call: Call, unit_failures: list[UnitFailure]) -> None:
        failures.extend(Failure(Call(failed.unit), failed.error) for failed in unit_failures)

    with claim(root, [unit.train for unit in units.values()]) as missing:
        memory, calls = memory_of_one(resource), []
        for group in grouped(
            [units[step.key] for step in missing], root, places(resource), memory, plan.n_rows
        ):
            call = Call(_label(group), (root.url, plan.rows.key, group, (resource.gpus > 0, seconds)))
            refusal = refuse_too_large(group, memory, plan.n_rows)
            if refusal is None:
                calls.append(call)
            else:
                failures.append(Failure(call, refusal))
        failures += cluster.run(train_and_seal, calls, resource=resource, on_done=collect)
    refuse_failures(failures, "train")


def _label(group: Sequence[Unit]) -> str:
    return group[0].name if len(group) == 1 else f"{group[0].name} and {len(group) - 1} more"
