"""How many directions of a layer its rows support, where they are few."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from iin_core.front.scale import fit_scale
from iin_core.row_reader import ArrayReader, RowReader
from iin_core.spec import FlowSpec

ROWS_A_DIM = 32
"""Rows a dimension from which a layer's directions are all taken as they are."""
LEAST_DIMS = 16
_MOST_ROWS, _LEAST_ROWS = 2048, 256
_MOST_NUMBERS = 2**25
"""Of the rows that are looked at, 128 MiB, beyond 256 rows."""
_FOLDS = 5
_FLOOR = 1e-12


def follows_rows(flow: FlowSpec, n_features: int) -> bool:
    """Whether how many directions a front keeps of a layer is left to its rows."""
    return flow.front == "whiten" and flow.front_dims is None and n_features > flow.most_dims


def supported_dims(reader: RowReader, source: ArrayLike | None, most: int) -> int:
    """How many dimensions a front should keep, at most `most`; an even number unless it is `most`.

    With 32 rows or more a dimension that is `most`. With fewer it is as many principal directions as
    predict the rows of held-out sources best by probabilistic PCA, which takes all directions behind
    them for alike: those are as good as noise to so few rows, and whatever a flow learns in them does
    not hold on other rows. Rows of one source count by how much they differ, see `effective_rows`.

    Args:
        reader: of training rows.
        source: (n,), the source of each row; each row its own when left out.
        most: dimensions, of N.

    Source: Tipping and Bishop, Probabilistic principal component analysis, 1999.
    """
    n = reader.n_rows
    sources = np.arange(n) if source is None else np.asarray(source)
    if n < 2 * _FOLDS or most <= LEAST_DIMS or len(np.unique(sources)) >= ROWS_A_DIM * most:
        return most
    places = _places(n, reader.n_features)
    rows = np.concatenate([reader.read(part.start, part.stop) for part in places])
    sources = sources[np.concatenate([np.arange(part.start, part.stop) for part in places])]
    scaled = fit_scale(ArrayReader(rows)).apply(torch.from_numpy(rows))
    share = effective_rows(scaled, sources) / len(rows)
    if share * n >= ROWS_A_DIM * most:
        return most
    best = best_rank(scaled, sources)
    return min(most, max(LEAST_DIMS, best + best % 2))


def effective_rows(rows: Tensor, source: NDArray[np.generic]) -> float:
    """How many independent rows count as much: the sources, and of further rows what differs within them.

    S + (n − S) · v, v the mean over features of the variance within sources over that of all rows.

    Args:
        rows: (n, N).
        source: (n,).
    """
    _, code = np.unique(source, return_inverse=True)
    n, n_sources = len(rows), int(code.max()) + 1
    if n == n_sources:
        return float(n)
    places = torch.from_numpy(code)
    means = torch.zeros(n_sources, rows.shape[1]).index_add_(0, places, rows)
    means /= torch.bincount(places)[:, None]
    within = (rows - means[places]).square().sum(0) / (n - n_sources)
    whole = rows.var(0)
    varying = whole > 0
    share = float((within[varying] / whole[varying]).mean()) if bool(varying.any()) else 0.0
    return n_sources + (n - n_sources) * min(1.0, share)


def best_rank(rows: Tensor, source: NDArray[np.generic]) -> int:
    """The number of principal directions with the best likelihood of held-out sources, a fifth of them.

    Args:
        rows: (n, N).
        source: (n,).
    """
    _, code = np.unique(source, return_inverse=True)
    held_out = torch.from_numpy(code % _FOLDS == 0)
    fitted, judged = rows[~held_out], rows[held_out]
    mean = fitted.mean(0)
    centred, most = (fitted - mean).double(), min(len(fitted) - 1, rows.shape[1])
    squares, turn = torch.linalg.eigh(centred @ centred.T)
    squares, turn = squares.flip(0)[:most].clamp_min(_FLOOR), turn.flip(1)[:, :most]
    values = squares / max(len(fitted) - 1, 1)
    along = (judged - mean).double() @ centred.T @ (turn / squares.sqrt())
    within = along.square().mean(0)
    n_features, ranks = rows.shape[1], torch.arange(len(values), dtype=torch.float64)
    # The tail of rank k: what is left of both variances, over the N − k directions behind it.
    left = (n_features - ranks).clamp_min(1)
    tail = (values.sum() - values.cumsum(0) + values) / left
    whole = (judged - mean).double().square().mean(0).sum()
    beyond = (whole - within.cumsum(0) + within) / left
    floor = 1e-9 * values[0]
    leading = values.clamp_min(floor)
    terms = leading.log() + within / leading
    nll = terms.cumsum(0) - terms + left * (tail.clamp_min(floor).log() + beyond / tail.clamp_min(floor))
    return int(nll.argmin())


def _places(n: int, n_features: int) -> list[range]:
    """Evenly spread pieces of all rows, as many as fit in memory with their decomposition."""
    most = max(_LEAST_ROWS, min(_MOST_ROWS, _MOST_NUMBERS // n_features))
    if n <= most:
        return [range(n)]
    size, pieces = max(1, most // 16), min(16, most)
    return [range(start, start + size) for start in np.linspace(0, n - size, pieces).astype(int).tolist()]
