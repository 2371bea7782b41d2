"""Everything that was measured of a unit, before it becomes files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from iin_core.metrics import BlockFit, GroupedInformation, Leakage, Score
from tasks.evaluation.interchanges import Interchanged


@dataclass(frozen=True)
class Measured:
    """Everything that was measured of a unit.

    Args:
        leakages: method → probe leakage matrix; "layer" is the activations themselves.
        information: (method, probe) → grouped scores.
        interchanges: of all methods and readers.
        prior: one entry a block.
        scores: key → what is a single number.
        why: key → why there is none.
        families: the IIN's leakage matrix by every family of probes, on `full`.
        tables: name → further tables, as `full` makes them.
    """

    leakages: Mapping[str, Leakage]
    information: Mapping[tuple[str, str], GroupedInformation[Score]]
    interchanges: Interchanged
    prior: tuple[BlockFit, ...]
    scores: Mapping[str, Score]
    why: Mapping[str, str]
    families: Leakage | None = None
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
