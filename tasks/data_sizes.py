"""How many rows and classes a study has, as far as its table tells before anything is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from iin_core.metrics.quintiles import N_BINS
from iin_core.spec import PairSpec
from tasks.study import SplitSpec


@dataclass(frozen=True)
class DataSizes:
    """What costs are told from.

    Args:
        n_train, n_heldout: rows of either side.
        n_classes: concept → classes that probes read; a number has five, a table of pairs none.
    """

    n_train: int = 0
    n_heldout: int = 0
    n_classes: Mapping[str, int] = field(default_factory=dict)


def data_sizes(table: pd.DataFrame, split: SplitSpec, concepts: Mapping[str, PairSpec]) -> DataSizes:
    """Count them; shares of sources are taken for shares of rows.

    Args:
        table: one row an example, with the concepts' columns.
        split: how its sources are divided.
        concepts: every concept of the study, each with its column.
    """
    if split.column is not None and split.column in table:
        counts = table[split.column].astype(str).value_counts()
        n_train, n_heldout = (int(counts.get(side, 0)) for side in ("train", "heldout"))
    else:
        n_train, n_heldout = (round(share * len(table)) for share in (split.train, split.heldout))
    classes = {
        name: N_BINS if spec.kind == "numeric" else int(table[spec.column].nunique())
        for name, spec in concepts.items()
        if spec.kind != "pairs" and spec.column in table
    }
    return DataSizes(n_train, n_heldout, classes)
