"""The probe leakage matrix: every block × every concept × every family of probes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iin_core.metrics.probing import Reading
from iin_core.metrics.score import Score
from iin_core.metrics.shuffled import QUANTILE

ALL = "all"
"""The name under which the whole code is probed, beside its blocks."""


def _no_samples() -> NDArray[np.float64]:
    return np.empty(0)


@dataclass(frozen=True)
class LeakageCell:
    """What one family of probes reads of one concept from one block.

    Args:
        probe: "linear", "mlp", "knn", "qda", "forest" or "rbf".
        block: the block read from, or "all".
        concept: the concept read; "(quintile)" is added to the name of a binned number.
        own: whether the block is the concept's own.
        accuracy: with chance (the majority's share), control, its 95 % quantile, and interval.
        v: V-information, 1 − CE / H(concept), clipped at 0; chance is 0. NaN for "rbf".
        samples: (draws,) the accuracy under resampled sources, the same draws for all cells.
        v_samples: (draws,) V under the same.
        null: (draws,) the accuracy against shuffled labels, the same draws for all cells of one code.
    """

    probe: str
    block: str
    concept: str
    own: bool
    accuracy: Score
    v: Score
    samples: NDArray[np.float64] = field(default_factory=_no_samples, repr=False, compare=False)
    v_samples: NDArray[np.float64] = field(default_factory=_no_samples, repr=False, compare=False)
    null: NDArray[np.float64] = field(default_factory=_no_samples, repr=False, compare=False)

    @classmethod
    def of(cls, which: tuple[str, str, str, bool], read: Reading) -> LeakageCell:
        """The cell (probe, block, concept, own) of what was read."""
        return cls(*which, read.accuracy, read.v, read.samples, read.v_samples, read.null)

    @property
    def v_information(self) -> float:
        """The value of `v`."""
        return self.v.value


@dataclass(frozen=True)
class Leakage:
    """The probe leakage matrix of one code."""

    cells: tuple[LeakageCell, ...]

    @property
    def probes(self) -> list[str]:
        """The families of probes, in their order."""
        return list(dict.fromkeys(cell.probe for cell in self.cells))

    def own(self, probe: str) -> list[LeakageCell]:
        """Each concept read from its own block."""
        return [cell for cell in self.cells if cell.probe == probe and cell.own]

    def off_block(self, probe: str, block: str | None = None) -> list[LeakageCell]:
        """Each concept that has a block, read from every other block (or from `block` alone)."""
        owned = {cell.concept for cell in self.own(probe)}
        return [
            cell
            for cell in self.cells
            if cell.probe == probe
            and cell.concept in owned
            and not cell.own
            and cell.block != ALL
            and (block is None or cell.block == block)
        ]

    def worst(self, probe: str, block: str | None = None) -> LeakageCell | None:
        """The off-block cell that is furthest above its own chance level."""
        return max(self.off_block(probe, block), key=lambda cell: cell.accuracy.excess, default=None)

    def worst_family(self, block: str | None = None, concept: str | None = None) -> LeakageCell | None:
        """The off-block cell that is furthest above chance over *all* families of probes.

        Args:
            block: the block read from; any when None.
            concept: the concept read, as its cell calls it; any when None.
        """
        return max(self._any_family(block, concept), key=lambda cell: cell.accuracy.excess, default=None)

    def mean_excess(self, block: str | None = None, concept: str | None = None) -> float | None:
        """Mean over families and off-block cells of accuracy − chance: what stands beside the worst.

        Args:
            block: as `worst_family`.
            concept: likewise.
        """
        excesses = [cell.accuracy.excess for cell in self._any_family(block, concept)]
        return float(np.mean(excesses)) if excesses else None

    def worst_excess_under_shuffling(
        self, probe: str | None = None, block: str | None = None
    ) -> float | None:
        """95 % quantile of the worst off-block cell's accuracy − chance under shuffled labels.

        The worst of several cells is above chance by luck alone: compare `worst(...).accuracy.excess`
        with this, and not with the quantile of its own cell. A draw shuffles the labels of all cells
        alike, so that their dependence counts.

        Args:
            probe: as `worst`; None takes the worst over all families, as `worst_family` does.
            block: as `worst`.
        """
        cells = self._any_family(block, None) if probe is None else self.off_block(probe, block)
        if not cells:
            return None
        excess = np.stack([cell.null - (cell.accuracy.chance or 0.0) for cell in cells])
        return float(np.nanquantile(excess.max(0), QUANTILE))

    def v_information(self, probe: str) -> pd.DataFrame:
        """V of blocks (rows, "all" last) × concepts (columns), as `grouped_information` takes it."""
        cells = [cell for cell in self.cells if cell.probe == probe]
        table = pd.DataFrame([(c.block, c.concept, c.v_information) for c in cells])
        pivot = table.pivot_table(index=0, columns=1, values=2, sort=False)
        return pivot.rename_axis(index="block", columns="concept")

    def _any_family(self, block: str | None, concept: str | None) -> list[LeakageCell]:
        cells: Iterable[LeakageCell] = (c for probe in self.probes for c in self.off_block(probe, block))
        return [cell for cell in cells if concept is None or cell.concept == concept]
