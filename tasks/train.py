"""The step train: one IIN for each layer, concept set and seed, units of one shape together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tasks.claim import claim, refuse_failures
from tasks.cluster import Call, Cluster, Failure
from tasks.nodes import places
from tasks.output import Root
from tasks.plan import Plan, Unit
from tasks.train_worker import UnitFailure, train_and_seal

_LARGEST_GROUP = 8


def train(plan: Plan, root: Root, cluster: Cluster) -> None:
    """Train what is not sealed, in groups of one shape; a unit does not depend on its group.

    Units whose dimensions are not sealed are left out: that step has reported them.

    Raises:
        IinError: units failed; the others are sealed.
    """
    resource = plan.study.resources.train
    units = {unit.train.key: unit for unit in plan.units if root.find(unit.dimensions) is not None}
    failures: list[Failure] = []

    def collect(call: Call, unit_failures: list[UnitFailure]) -> None:
        failures.extend(Failure(Call(failed.unit), failed.error) for failed in unit_failures)

    with claim(root, [unit.train for unit in units.values()]) as missing:
        groups = grouped([units[step.key] for step in missing], root, places(resource))
        calls = [Call(_label(group), (root.url, plan.rows.key, group, resource.gpus > 0)) for group in groups]
        failures += cluster.run(train_and_seal, calls, resource=resource, on_done=collect)
    refuse_failures(failures, "train")


def grouped(units: Iterable[Unit], root: Root, n_workers: int) -> list[list[Unit]]:
    """Divide units into groups of one shape, enough of them for all workers, the longest first."""
    by_shape: dict[tuple[object, ...], list[Unit]] = {}
    for unit in units:
        n_dims = sum(root.open("dimensions", unit.dimensions.key).meta["dims"].values())
        by_shape.setdefault((n_dims, unit.flow, unit.training), []).append(unit)
    groups = []
    for alike in by_shape.values():
        size = min(_LARGEST_GROUP, -(-len(alike) // max(1, n_workers)))
        groups += [alike[start : start + size] for start in range(0, len(alike), size)]
    return sorted(groups, key=_cost, reverse=True)


def _cost(group: Sequence[Unit]) -> int:
    """Products of a forward pass over all updates, up to a factor that all groups share."""
    first = group[0]
    flow, training = first.flow, first.training
    width = first.layer.n_flow
    products = flow.couplings * flow.hidden * (width + flow.depth * flow.hidden)
    return len(group) * training.updates * training.batch * products


def _label(group: Sequence[Unit]) -> str:
    return group[0].name if len(group) == 1 else f"{group[0].name} and {len(group) - 1} more"
