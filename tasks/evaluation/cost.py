"""About how long the evaluation of a unit takes, told before it is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from iin_core.metrics.folds import MAX_FITTED
from tasks.data_sizes import DataSizes
from tasks.evaluation.dependence import MOST_ROWS, TESTS
from tasks.evaluation.literature import TREE_GROUPS, VOTE_DRAWS
from tasks.planned import Unit

_A_CELL, _A_READING = 3e-5, 2e-6
"""Seconds a row that a linear and an MLP probe of one concept are fitted on, and that they read."""
_A_SWAP = 1.5e-4
_REST = 0.5
"""Codes, exactness and figures."""


@dataclass(frozen=True)
class Cost:
    """Seconds of one core of a laptop's size, within a factor of two where the network is small.

    Args:
        parts: what is measured → seconds.
    """

    parts: Mapping[str, float]

    @property
    def seconds(self) -> float:
        """All parts together."""
        return sum(self.parts.values())


@dataclass(frozen=True)
class _Sizes:
    n: int
    n_train: int
    width: int
    dims: int
    blocks: int
    own: int
    labels: int
    classes: int
    probed: int
    baselines: int


def evaluation_cost(unit: Unit, data: DataSizes, together: int = 1) -> Cost:
    """Seconds by part, from the number of held-out rows, dimensions, blocks, concepts and classes.

    The constants were measured on one core; a swap is priced as one through a small network, since
    how long the model's own forward pass takes is not known beforehand.

    Args:
        unit: which; its level decides what is measured.
        data: rows and classes of the study.
        together: units of one call: what is done once for all of them is shared among them.
    """
    spec, sizes = unit.evaluation, _sizes(unit, data)
    fitted = min((spec.folds - 1) * sizes.n, spec.folds * MAX_FITTED)
    cell = _A_CELL * fitted + _A_READING * sizes.n
    controls = 1 if spec.level == "default" else 2
    swaps = spec.n_pairs * (sizes.own + 0.25) if sizes.own else 0
    fits = 0.3 + 2e-10 * sizes.n_train * sizes.width**2
    parts = {
        "probes": cell * (sizes.blocks + 1) * sizes.probed * controls,
        "layer": cell * sizes.probed / together,
        "baselines": sizes.baselines
        * (fits + cell * sizes.blocks * sizes.labels + _A_SWAP * swaps)
        / together,
        "interchange": _A_SWAP * (swaps + min(sizes.n, spec.n_pairs) / together) if sizes.own else 0.0,
        "rest": _REST,
    }
    return Cost(parts | _more(unit, sizes) if spec.level == "full" else parts)


def _more(unit: Unit, sizes: _Sizes) -> dict[str, float]:
    own_cells = sizes.blocks * sizes.own
    rows = min(sizes.n, MOST_ROWS)
    pairs_of_blocks = len(list(combinations(range(sizes.blocks), 2)))
    pairs_of_concepts = len(list(combinations(range(sizes.labels), 2)))
    again = unit.evaluation.folds - 1
    a_cell = again * sizes.n * (3e-4 + 1.5e-6 * sizes.dims)
    a_test = rows**2 * (4.5e-9 * unit.evaluation.permutations + 8e-7)
    return {
        "families": own_cells * a_cell * len(unit.evaluation.families) / 4,
        "conditional": 4e-4 * sizes.n * pairs_of_concepts * again,
        "critic": sizes.own * (2.3 + 1e-3 * sizes.n),
        "dependence": 0.5 + a_test * len(TESTS) * pairs_of_blocks,
        "per_dimension": _literature(unit, sizes) if sizes.labels else 0.0,
    }


def _literature(unit: Unit, sizes: _Sizes) -> float:
    """Nearly all of it trees: of the labels, of shuffled ones, and again for each group of the interval."""
    again = unit.evaluation.bootstrap > 0
    fits = 2 + (TREE_GROUPS - 1 if again else 0)
    trees = 1.8e-5 * (sizes.n / 2) * sizes.dims * sizes.classes * fits
    others = sizes.n * sizes.dims * (6e-6 + (6e-5 if again else 0))
    votes = 0.055 * 2 * (2 + min(unit.evaluation.bootstrap, VOTE_DRAWS))
    return trees + others + votes


def _sizes(unit: Unit, data: DataSizes) -> _Sizes:
    labels = [name for name, spec in unit.factors.items() if spec.kind == "label"]
    level = unit.evaluation.level
    return _Sizes(
        n=data.n_heldout,
        n_train=data.n_train,
        width=unit.layer.n,
        dims=min(unit.layer.n, unit.flow.most_dims),
        blocks=len(unit.factors) + 1,
        own=len(unit.factors),
        labels=len(labels),
        classes=sum(data.n_classes.get(name, 0) for name in labels),
        probed=len(data.n_classes),
        baselines=len(unit.evaluation.baselines) if level != "default" and labels else 0,
    )
