"""Robust scaling: every feature in units of its own usual deviation, so that none owns the variance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from iin_core.row_reader import RowReader, chunks

_LIMIT = 8.0
_SAMPLE = 1024
_SAMPLE_BYTES = 2**30
_RUN = 8
_FEATURES_AT_ONCE = 1024
_FROM_5_TO_95_PERCENT = 3.29
"""Distance of these two quantiles of a standard normal."""
_LEAST_OF_DEVIATION = 0.1


@dataclass(frozen=True)
class RobustScale:
    """Centre and scale of each feature, (N,); scaled values end at ±8."""

    centre: Tensor
    scale: Tensor

    def apply(self, rows: Tensor) -> Tensor:
        """Scaled rows, (n, N); no row counts for more than eight deviations of a feature."""
        return (rows - self.centre).div_(self.scale).clamp_(-_LIMIT, _LIMIT)


def fit_scale(reader: RowReader) -> RobustScale:
    """Median, and the distance of the 5 % and 95 % quantiles, of at most 1,024 evenly spread rows.

    The quantiles look past a few rows of extreme values, the mean and the deviation do not. A feature
    that is nearly always the same (a rare one behind a ReLU) gets a tenth of its deviation, and one
    that never moves in the sample the median scale of the others. Layers of more than 262,144 features
    are read several times, so that no more than a gibibyte of the sample lies in memory.
    """
    n_rows = min(reader.n_rows, _SAMPLE)
    at_once = max(1, _SAMPLE_BYTES // (4 * n_rows))
    parts = [
        _spread(part)
        for first in range(0, reader.n_features, at_once)
        for part in _columns(reader, first, at_once).split(_FEATURES_AT_ONCE, 1)
    ]
    centre, scale = torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])
    moving = scale > 0
    scale[~moving] = scale[moving].median() if moving.any() else 1.0
    return RobustScale(centre, scale)


def _columns(reader: RowReader, first: int, at_once: int) -> Tensor:
    """The sample's rows of some features."""
    runs = spread_rows(reader, _SAMPLE)
    # Copied: a view of a run would keep all of its features.
    return torch.cat([torch.from_numpy(rows[:, first : first + at_once].copy()) for rows in runs])


def spread_rows(reader: RowReader, at_most: int) -> Iterator[np.ndarray]:
    """At most so many rows in short runs, evenly spread from the first row to the last."""
    if reader.n_rows <= at_most:
        yield from (rows for _, rows in chunks(reader))
        return
    starts = np.linspace(0, reader.n_rows - _RUN, max(1, at_most // _RUN)).astype(int)
    yield from (reader.read(start, start + _RUN) for start in starts.tolist())


def _spread(rows: Tensor) -> tuple[Tensor, Tensor]:
    ordered = rows.sort(0).values
    low, middle, high = (ordered[round(q * (len(rows) - 1))] for q in (0.05, 0.5, 0.95))
    least = _LEAST_OF_DEVIATION * rows.std(0, correction=0)
    return middle, torch.maximum((high - low) / _FROM_5_TO_95_PERCENT, least)
