"""Units that differ in their seed alone: how far their scores lie apart, and whether their blocks agree."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from iin_core.blocks import Blocks
from iin_core.metrics.stability import Stability, stability
from tasks.layer_rows import layer_table, read_table
from tasks.results import read_scores

if TYPE_CHECKING:
    from tasks.output import Output, Root
    from tasks.planned import Plan, Unit


@dataclass(frozen=True)
class Spread:
    """A score over seeds.

    Args:
        mean: over the seeds that have it.
        least, most: of them.
        n: how many have it.
    """

    mean: float
    least: float
    most: float
    n: int

    @property
    def half(self) -> float:
        """Half the range: what stands behind ±."""
        return (self.most - self.least) / 2


@dataclass(frozen=True)
class SeedGroup:
    """One layer × concept set × budget.

    Args:
        units: of the plan, every seed.
        n_evaluated: how many of them are.
        scores: key → spread, of the evaluated ones.
        stability: linear CKA of blocks between seeds; None with one seed.
    """

    units: tuple[Unit, ...]
    n_evaluated: int
    scores: Mapping[str, Spread]
    stability: Stability | None

    @property
    def unit(self) -> Unit:
        """The first: all of them are one but for the seed."""
        return self.units[0]


def seed_groups(plan: Plan, root: Root, evaluated: Mapping[str, Output]) -> list[SeedGroup]:
    """Every group of the plan, in its order.

    Args:
        plan: the study's.
        root: where the row table lies.
        evaluated: key → sealed evaluation, of the units that have one.

    Raises:
        DamagedOutput: an output is no longer whole.
    """
    groups: dict[tuple[object, ...], list[Unit]] = {}
    for unit in plan.units:
        same = (unit.layer.index, unit.concepts, unit.budget, unit.headline)
        groups.setdefault(same, []).append(unit)
    source = read_table(root, plan.rows.key)["source"] if evaluated else pd.Series(dtype=object)
    return [
        _group(units, evaluated, _source_of(units[0], plan, root, evaluated, source))
        for units in groups.values()
    ]


def _source_of(
    unit: Unit, plan: Plan, root: Root, evaluated: Mapping[str, Output], source: pd.Series
) -> pd.Series:
    """The source of each row of the unit's layer."""
    if unit.layer.n_rows is None or unit.evaluate.key not in evaluated:
        return source
    return layer_table(root, plan.rows.key, unit.layer.extract.key)["source"]


def _group(units: Sequence[Unit], evaluated: Mapping[str, Output], source: pd.Series) -> SeedGroup:
    outputs = [evaluated[unit.evaluate.key] for unit in units if unit.evaluate.key in evaluated]
    table = pd.DataFrame([read_scores(output) for output in outputs]).astype("float64")
    found = {str(key): values.dropna() for key, values in table.items()}
    spreads = {
        key: Spread(float(values.mean()), float(values.min()), float(values.max()), len(values))
        for key, values in found.items()
        if len(values)
    }
    return SeedGroup(tuple(units), len(outputs), spreads, _stability(outputs, source))


def _stability(outputs: Sequence[Output], source: pd.Series) -> Stability | None:
    kept = [output for output in outputs if "codes.npy" in output.files and "dims" in output.meta]
    if len(kept) < 2:
        return None
    codes = [np.load(io.BytesIO(output.read("codes.npy"))) for output in kept]
    rows = np.load(io.BytesIO(kept[0].read("codes_rows.npy")))
    if len(rows) < 4 or len({output.read("codes_rows.npy") for output in kept}) > 1:
        return None
    blocks = Blocks(kept[0].meta["dims"])
    return stability(codes, blocks, source.iloc[rows].to_numpy())
