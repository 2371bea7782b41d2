"""Do interpreters with other seeds find the same blocks?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.blocks import Blocks
from iin_core.errors import InputError
from iin_core.metrics.jackknife import jackknife_interval
from iin_core.metrics.row_pairs import matching_rows
from iin_core.metrics.score import Score


@dataclass(frozen=True)
class Stability:
    """Linear CKA of each block between seeds.

    Args:
        score: mean over blocks.
        blocks: for each block the mean over pairs of seeds; chance is 0, control its mean CKA with the
            *other* blocks of the other seeds, low and high the interval over sources.
        matrix: (seeds · blocks, seeds · blocks) CKA of every block with every other, seed by seed.
    """

    score: float
    blocks: Mapping[str, Score]
    matrix: NDArray[np.float64]


def linear_cka(x: ArrayLike, y: ArrayLike) -> float:
    """Debiased linear centred kernel alignment: HSIC(x, y) / √(HSIC(x, x) HSIC(y, y)).

    HSIC is the unbiased estimator with kernels ⟨a, b⟩, so that independent x and y have 0 on average;
    the plain one has about √(d e) / n there. 1 where y is x turned, moved and scaled as a whole; a
    map that stretches some directions changes it. 0 where one of them does not vary. Costs n · d · e,
    no n × n matrix.

    Args:
        x: (n, d).
        y: (n, e).

    Raises:
        InputError: fewer than four rows, or numbers of rows that differ.

    Source: Kornblith et al., "Similarity of neural network representations revisited" (2019), section
        3; the debiased form of Nguyen et al., "Do wide and deep networks learn the same things?" (2021).
    """
    a, b = (v - v.mean(0) for v in matching_rows(x, y))
    norms = _hsic(a, a), _hsic(b, b)
    return _hsic(a, b) / float(np.sqrt(norms[0] * norms[1])) if min(norms) > 0 else 0.0


def stability(codes: Sequence[ArrayLike], blocks: Blocks, source: ArrayLike | None = None) -> Stability:
    """CKA of blocks between interpreters of one layer that differ in their seed.

    Args:
        codes: for each seed the code (n, d) of the same rows.
        blocks: the layout of all of them.
        source: (n,) source of each row, for the interval; None: each row is one.

    Raises:
        InputError: fewer than two codes, or codes of other rows or another width.
    """
    rows = [np.asarray(code, dtype=np.float64) for code in codes]
    shapes = {code.shape for code in rows}
    if len(rows) < 2 or len(shapes) != 1 or rows[0].shape[1:] != (blocks.n_dims,):
        raise InputError(
            f"Stability compares codes of the same rows, not {len(rows)} of shapes {sorted(shapes)}.",
            where="codes, blocks",
            fix=f"pass codes (n, {blocks.n_dims}) of two or more seeds",
        )
    n_blocks, n = len(blocks), len(rows[0])
    of_row = np.arange(n) if source is None else np.asarray(source)
    parts = [code[:, place] for code in rows for place in blocks.values()]
    matrix = np.array([[linear_cka(a, b) for b in parts] for a in parts])
    scores = {}
    for i, name in enumerate(blocks):
        low, high = jackknife_interval(partial(_mean_cka, parts[i::n_blocks]), of_row)
        own = matrix[i::n_blocks, i::n_blocks]
        value = float(own[np.triu_indices(len(rows), 1)].mean())
        scores[name] = Score(value, 0.0, _control(matrix, i, n_blocks), low, high, n)
    return Stability(float(np.mean([score.value for score in scores.values()])), scores, matrix)


def _mean_cka(parts: Sequence[NDArray[np.float64]], kept: NDArray[np.int64]) -> float:
    return float(np.mean([linear_cka(a[kept], b[kept]) for a, b in combinations(parts, 2)]))


def _control(matrix: NDArray[np.float64], block: int, n_blocks: int) -> float | None:
    """Mean CKA of a block with other blocks of other seeds; None where there is one block."""
    seed, place = np.divmod(np.arange(len(matrix)), n_blocks)
    other = (seed[:, None] != seed) & (place[:, None] == block) & (place != block)
    return float(matrix[other].mean()) if other.any() else None


def _hsic(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Unbiased HSIC of centred x (n, d) and y (n, e) with linear kernels, without their Gram matrices."""
    n = len(x)
    own_x, own_y = (x * x).sum(1), (y * y).sum(1)
    product = ((x.T @ y) ** 2).sum() - own_x @ own_y
    rows_x, rows_y = x @ x.sum(0) - own_x, y @ y.sum(0) - own_y
    product += rows_x.sum() * rows_y.sum() / ((n - 1) * (n - 2)) - 2 * (rows_x @ rows_y) / (n - 2)
    return float(product / (n * (n - 3)))
