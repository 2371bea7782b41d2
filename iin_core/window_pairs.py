"""What of the concepts can be paired within some of the rows: a window of a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.concept_values import as_numbers, class_index
from iin_core.pairs import Pairs
from iin_core.spec import PairSpec


class Within(NamedTuple):
    """Concepts and tables of which some rows hold a pair, as `make_sampler` takes them."""

    columns: dict[str, NDArray[np.generic]]
    specs: dict[str, PairSpec]
    tables: list[Pairs]


def pairs_within(
    rows: NDArray[np.int64],
    columns: Mapping[str, ArrayLike],
    specs: Mapping[str, PairSpec],
    source: ArrayLike,
    tables: Sequence[Pairs] = (),
) -> Within:
    """Leave out each concept and table of which no pair lies within the rows.

    It has its turn in other windows; these rows train the residual, the likelihood and what else they
    have.

    Args:
        rows: (m,), which; pairs count from 0 among them.
        columns: for each concept its values, (n,), of all rows.
        specs: for each concept how its pairs are drawn.
        source: the source example of each row, (n,).
        tables: of pairs given by hand.
    """
    of = np.asarray(source)
    inside = [table.among(rows, len(of)) for table in tables]
    within = {name: np.asarray(values)[rows] for name, values in columns.items()}
    kept = {
        name: spec
        for name, spec in specs.items()
        if spec.kind == "pairs" or _has_pairs(within[name], of[rows], spec.kind)
    }
    return Within(within, kept, [table for table in inside if table is not None])


def _has_pairs(values: NDArray[np.generic], source: NDArray[np.generic], kind: str) -> bool:
    """Whether two rows of different sources share a label, or have a number."""
    if kind == "numeric":
        return len(np.unique(source[~np.isnan(as_numbers(values))])) > 1
    code = class_index(values)[1]
    _, source_code = np.unique(source, return_inverse=True)
    found = np.unique(np.stack((code, source_code))[:, code >= 0], axis=1)
    return len(np.unique(found[0])) < int(found.shape[1])
