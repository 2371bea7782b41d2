"""Grouped information scores of a leakage matrix, with their control and interval over sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from iin_core.errors import InputError
from iin_core.metrics.bootstrap import interval
from iin_core.metrics.information import GroupedInformation, compactness_of, mig_of, modularity_of
from iin_core.metrics.leakage import ALL, Leakage, LeakageCell
from iin_core.metrics.score import Score

Table = NDArray[np.float64]


def grouped_scores(leakage: Leakage, probe: str, whole: Leakage | None = None) -> GroupedInformation[Score]:
    """What `grouped_information` makes of V[block, concept], over the concepts that have a block.

    Control is the same of shuffled labels; the interval takes each statistic again of V under the
    same resampled sources for all cells.

    Args:
        leakage: of the code, with its whole under the block "all" where that was probed.
        probe: the family whose cells count.
        whole: where "all" is taken from if `leakage` has none.

    Raises:
        InputError: no block of the code is a concept's own.
    """
    concepts = [cell.concept for cell in leakage.own(probe)]
    if not concepts:
        raise InputError(
            "No block of this code is a concept's own.",
            where=f"{len(leakage.cells)} cells, {probe} probes",
            fix="give blocks that bear the names of concepts",
        )
    known = [*leakage.cells, *(() if whole is None else whole.cells)]
    cells = [cell for cell in known if cell.probe == probe and cell.concept in concepts]
    parts = [cell for cell in cells if cell.block != ALL]
    wholes = [cell for cell in cells if cell.block == ALL][: len(concepts)]
    blocks = list(dict.fromkeys(cell.block for cell in parts))
    return GroupedInformation(
        mig=_score(parts, concepts, mig_of),
        infom=_defined(_score(parts, concepts, modularity_of)) if len(concepts) > 1 else None,
        infoc=_score(parts, concepts, compactness_of) if len(blocks) > 1 else None,
        infoe=_score(wholes, concepts, lambda v: v.mean((-2, -1))) if wholes else None,
    )


def _defined(score: Score) -> Score | None:
    """None where no block tells anything."""
    return None if np.isnan(score.value) else score


def _score(
    cells: Sequence[LeakageCell], concepts: Sequence[str], statistic: Callable[[Table], Table]
) -> Score:
    blocks = list(dict.fromkeys(cell.block for cell in cells))
    order = [_cell(cells, block, concept) for block in blocks for concept in concepts]
    shape = (len(blocks), len(concepts))

    def of(values: Sequence[float]) -> float:
        return float(statistic(np.array(values).reshape(shape)))

    shuffled = [cell.v.control for cell in order if cell.v.control is not None]
    control = of(shuffled) if len(shuffled) == len(order) else np.nan
    draws = statistic(np.stack([cell.v_samples for cell in order], 1).reshape(-1, *shape))
    low, high = interval(draws[~np.isnan(draws)])
    return Score(
        value=of([cell.v.value for cell in order]),
        chance=0.0,
        control=None if np.isnan(control) else control,
        low=low,
        high=high,
        n=min(cell.accuracy.n for cell in order),
    )


def _cell(cells: Sequence[LeakageCell], block: str, concept: str) -> LeakageCell:
    return next(cell for cell in cells if (cell.block, cell.concept) == (block, concept))
