"""How much the blocks of a code depend on one another, on `evaluation: full`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, islice
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iin_core.blocks import Blocks
from iin_core.errors import InputError
from iin_core.metrics import Score
from iin_core.metrics.distance_correlation import distance_correlation_test
from iin_core.metrics.hsic import hsic_test
from iin_core.metrics.jackknife import jackknife_interval
from iin_core.metrics.permutation import Dependence, permuted_rows
from iin_core.metrics.total_correlation import gaussian_total_correlation
from iin_core.spec import EvaluationSpec
from tasks.evaluation.material import Material

MOST_ROWS = 1000
"""Whole sources with so many rows enter the tests, which need n × n matrices."""
TESTS = {"distance_correlation": distance_correlation_test, "hsic": hsic_test}
COLUMNS = [
    "measure",
    "block",
    "other",
    "value",
    "chance",
    "control",
    "control_high",
    "low",
    "high",
    "p_value",
    "n",
]
_SHUFFLES = 20
_ONE_BLOCK = "the code has one block only"

Found = tuple[pd.DataFrame, dict[str, Score], dict[str, str]]
"""A table, key → number, key → why there is none."""


def block_dependence(material: Material, spec: EvaluationSpec) -> Found:
    """Distance correlation and HSIC of every two blocks, and the total correlation of all.

    The flat scores are those of the two blocks that depend most; the p-value is multiplied by the
    number of pairs.
    """
    coded = material.methods["iin"]
    code, blocks = coded.code.double().numpy(), coded.factorisation.blocks
    if len(blocks) < 2:
        keys = [f"dependence/{name}{end}" for name in TESTS for end in ("", "_p")]
        why = dict.fromkeys([*keys, "dependence/total_correlation"], _ONE_BLOCK)
        return pd.DataFrame(columns=COLUMNS), {}, why
    chosen = some_rows(material.source, spec.seed)
    rows: list[dict[str, Any]] = []
    scores: dict[str, Score] = {}
    why = {}
    for name in TESTS:
        try:
            found = _pairs(name, code[chosen], blocks, material.source[chosen], spec)
        except InputError as error:
            why |= {f"dependence/{name}{end}": error.what for end in ("", "_p")}
            continue
        rows += [_row(name, *pair, tested) for pair, tested in found.items()]
        scores[f"dependence/{name}"] = max(
            (tested.score for tested in found.values()), key=lambda score: score.value
        )
        p = min(1.0, len(found) * min(tested.p_value for tested in found.values()))
        scores[f"dependence/{name}_p"] = Score(p, n=len(chosen))
    try:
        total = _total_correlation(code, blocks, material.source, spec)
    except InputError as error:
        return pd.DataFrame(rows, columns=COLUMNS), scores, why | {"dependence/total_correlation": error.what}
    scores["dependence/total_correlation"] = total
    rows.append({"measure": "total_correlation", "block": "every", "other": "every", **_cells(total)})
    return pd.DataFrame(rows, columns=COLUMNS), scores, why


def _pairs(
    name: str, code: NDArray[np.float64], blocks: Blocks, source: NDArray[np.generic], spec: EvaluationSpec
) -> dict[tuple[str, str], Dependence]:
    asked = {"permutations": spec.permutations, "seed": spec.seed}
    return {
        (a, b): TESTS[name](code[:, blocks[a]], code[:, blocks[b]], source, **asked)
        for a, b in combinations(blocks, 2)
    }


def some_rows(source: NDArray[np.generic], seed: int, most: int = MOST_ROWS) -> NDArray[np.int64]:
    """Positions of the rows of so many whole sources, drawn by `seed`, that there are at most `most`."""
    names, place, counts = np.unique(source, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    kept = order[np.cumsum(counts[order]) <= most]
    return np.flatnonzero(np.isin(place, kept))


def _row(measure: str, block: str, other: str, tested: Dependence) -> dict[str, Any]:
    cells = {**_cells(tested.score), "p_value": tested.p_value}
    return {"measure": measure, "block": block, "other": other, **cells}


def _cells(score: Score) -> dict[str, Any]:
    names = ("value", "chance", "control", "control_high", "low", "high", "n")
    return {name: getattr(score, name) for name in names}


def _total_correlation(
    code: NDArray[np.float64], blocks: Blocks, source: NDArray[np.generic], spec: EvaluationSpec
) -> Score:
    def corrected(rows: NDArray[np.int64]) -> float:
        return gaussian_total_correlation(code[rows], blocks, corrected=True)

    every = np.arange(len(code))
    low, high = jackknife_interval(corrected, source, seed=spec.seed)
    shuffled = [
        gaussian_total_correlation(_shuffled(code, blocks, orders), blocks, corrected=True)
        for orders in _orders(source, len(blocks), spec.seed)
    ]
    control, quantile = float(np.mean(shuffled)), float(np.quantile(shuffled, 0.95))
    return Score(corrected(every), 0.0, control, low, high, len(code), control_high=quantile)


def _orders(source: NDArray[np.generic], n_blocks: int, seed: int) -> Iterator[list[NDArray[np.int64]]]:
    """For each shuffle an order of rows for every block but the first."""
    orders = permuted_rows(source, _SHUFFLES * (n_blocks - 1), seed=seed)
    for _ in range(_SHUFFLES):
        yield list(islice(orders, n_blocks - 1))


def _shuffled(
    code: NDArray[np.float64], blocks: Blocks, orders: list[NDArray[np.int64]]
) -> NDArray[np.float64]:
    """The code with each block but the first in another order of rows."""
    mixed = code.copy()
    for (_, place), order in zip(list(blocks.items())[1:], orders, strict=True):
        mixed[:, place] = code[order][:, place]
    return mixed
