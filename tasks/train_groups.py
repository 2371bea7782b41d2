"""Which units are trained in one program: those of one shape, as many as memory and workers allow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from iin_core.blocks import RESIDUAL
from tasks.errors import EnvironmentProblem
from tasks.output import Root
from tasks.planned import Unit
from tasks.train_memory import predicted_memory

_LARGEST = 8
"""A stack of eight has nearly all of what stacking gains."""
_MIB = 2**20


def grouped(
    units: Iterable[Unit], root: Root | None, n_workers: int, memory: float = float("inf"), n_rows: int = 0
) -> list[list[Unit]]:
    """Divide units into groups of one shape, enough of them for all workers, the longest first.

    Numbers of rows may differ within a group; kinds of concepts too where no penalty learns of them,
    and sizes of blocks where no coupling is of the residual alone.

    Args:
        root: with the sealed dimensions; units whose dimensions are not there yet share a group where
            they will have the same ones.
        memory: bytes that one group may take.
        n_rows: of the row table.
    """
    by_shape: dict[tuple[object, ...], list[Unit]] = {}
    for unit in units:
        by_shape.setdefault(_shape(unit, root), []).append(unit)
    groups = []
    for alike in by_shape.values():
        size = min(_LARGEST, -(-len(alike) // max(1, n_workers)))
        while size > 1 and predicted_memory(alike[:size], n_rows).total > memory:
            size -= 1
        groups += [alike[start : start + size] for start in range(0, len(alike), size)]
    return sorted(groups, key=_cost, reverse=True)


def refuse_too_large(group: Sequence[Unit], memory: float, n_rows: int) -> EnvironmentProblem | None:
    """The error of a group that does not fit though it is as small as can be; None where it fits."""
    need = predicted_memory(group, n_rows)
    if need.total <= memory:
        return None
    return EnvironmentProblem(
        f"The training of {group[0].name!r} does not fit into memory: it takes about "
        f"{need.total // _MIB} MiB, a worker has {int(memory) // _MIB} MiB.",
        where=f"rows {need.rows // _MIB} MiB, parameters {need.parameters // _MIB} MiB, one update "
        f"{need.activations // _MIB} MiB",
        fix="give a worker more with resources.train.memory_gib, or make it smaller: training.feed stream "
        "for the rows, flow.hidden or flow.couplings for the parameters, training.batch for an update",
    )


def _shape(unit: Unit, root: Root | None) -> tuple[object, ...]:
    network = unit.flow.model_dump(exclude={"front", "front_dims"})
    sealed = root.find(unit.dimensions) if root is not None else None
    layout: tuple[object, ...] = (unit.dimensions.key,)
    if sealed is not None:
        dims = sealed.meta["dims"]
        # A coupling of the residual alone needs it in one place; without concepts there is none.
        split = (dims[RESIDUAL], len(dims) > 1) if unit.flow.residual_couplings else ()
        layout = (sum(dims.values()), *split)
    # What penalties learn has a part for each concept, and is in a unit's checkpoint.
    learned = sorted(spec.kind for spec in unit.factors.values()) if unit.training.penalties else []
    training = unit.training.model_dump_json()
    return (layout, tuple(learned), tuple(network.items()), training)


def _cost(group: Sequence[Unit]) -> int:
    """Products of a forward pass over all updates, up to a factor that all groups share."""
    flow, training = group[0].flow, group[0].training
    width = group[0].layer.n_flow
    products = (flow.couplings + flow.residual_couplings) * flow.hidden * (width + flow.depth * flow.hidden)
    return len(group) * training.updates * training.batch * products
