"""What a statistic is worth when labels mean nothing: its values under labels shuffled over sources."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from iin_core.metrics.folds import rows_of_others
from iin_core.metrics.labels import ProbeLabels
from iin_core.metrics.probe_rows import ProbeRows

QUANTILE = 0.95
"""A value above this quantile of its shuffled values is called a leak."""


def shuffled_labels(
    labels: Sequence[ProbeLabels], rows: ProbeRows, *, draws: int, seed: int
) -> list[NDArray[np.int16]]:
    """For each concept (draws, rows read) classes, shuffled over the sources of each direction.

    A draw exchanges the same sources for all concepts whose labels are known in the same rows.

    Args:
        labels: of all rows.
        rows: which of them are read.
        draws: how many.
        seed: of the exchange.
    """
    read = rows.read
    side, source = rows.side[read], rows.source[read]
    shuffled = [np.tile(label.classes[read].astype(np.int16), (draws, 1)) for label in labels]
    by_mask: dict[bytes, list[int]] = {}
    for i, label in enumerate(labels):
        by_mask.setdefault(label.known[read].tobytes(), []).append(i)
    for members in by_mask.values():
        known = labels[members[0]].known[read]
        rng = np.random.default_rng(seed)
        for places in [np.flatnonzero(known & (side == value)) for value in np.unique(side)]:
            if len(places) == 0:
                continue
            codes = np.unique(source[places], return_inverse=True)[1]
            for draw in range(draws):
                others = places[rows_of_others(codes, rng)]
                for i in members:
                    shuffled[i][draw, places] = labels[i].classes[read][others]
    return shuffled


def accuracies(
    said: NDArray[np.int64], labels: NDArray[np.int16], side: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Mean over directions of the accuracy, for each draw of labels.

    Args:
        said: (n,) classes that a probe says.
        labels: (draws, n) classes, −1 where there is none.
        side: (n,) direction of each row.

    Returns:
        (draws,); NaN where a direction has no label.
    """
    parts = []
    for value in np.unique(side):
        members = np.flatnonzero(side == value)
        truth = labels.take(members, axis=1)
        known = np.count_nonzero(truth >= 0, axis=1)
        right = np.count_nonzero(truth == said[members].astype(np.int16), axis=1)
        parts.append(np.divide(right, known, out=np.full(len(labels), np.nan), where=known > 0))
    means: NDArray[np.float64] = np.mean(parts, axis=0)
    return means
