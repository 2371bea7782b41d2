"""Probe leakage: which block tells which concept to a reader that never saw the source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from iin_core.blocks import Blocks
from iin_core.errors import InputError
from iin_core.metrics.probing import probe_codes, probe_labels
from iin_core.metrics.score import Score
from iin_core.metrics.whiten import whiten
from iin_core.spec import EvaluationSpec

ALL = "all"
"""The name under which the whole code is probed, beside its blocks."""
_DEFAULT = EvaluationSpec()


@dataclass(frozen=True)
class LeakageCell:
    """What one family of probes reads of one concept from one block.

    Args:
        probe: "linear" or "mlp".
        block: the block read from, or "all".
        concept: the concept read; "(quintile)" is added to the name of a binned number.
        own: whether the block is the concept's own.
        accuracy: with chance (the majority's share), control and interval.
        v: V-information, 1 − CE / H(concept), clipped at 0; chance is 0.
        samples: (draws,) the accuracy under resampled sources, the same draws for all cells.
        v_samples: (draws,) V under the same.
    """

    probe: str
    block: str
    concept: str
    own: bool
    accuracy: Score
    v: Score
    samples: NDArray[np.float64] = field(default_factory=lambda: np.empty(0), repr=False, compare=False)
    v_samples: NDArray[np.float64] = field(default_factory=lambda: np.empty(0), repr=False, compare=False)

    @property
    def v_information(self) -> float:
        """The value of `v`."""
        return self.v.value


@dataclass(frozen=True)
class Leakage:
    """The probe leakage matrix of one code, every block × every concept × every probe."""

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

    def v_information(self, probe: str) -> pd.DataFrame:
        """V of blocks (rows, "all" last) × concepts (columns), as `grouped_information` takes it."""
        cells = [cell for cell in self.cells if cell.probe == probe]
        table = pd.DataFrame([(c.block, c.concept, c.v_information) for c in cells])
        pivot = table.pivot_table(index=0, columns=1, values=2, sort=False)
        return pivot.rename_axis(index="block", columns="concept")


def leakage(
    z_tilde: ArrayLike | Tensor,
    blocks: Blocks,
    concepts: Mapping[str, ArrayLike],
    source: ArrayLike,
    spec: EvaluationSpec = _DEFAULT,
) -> Leakage:
    """A[block, concept]: how well probes read each concept from each block, and from the whole code.

    Probes are cross-fit on held-out sources: fitted on half of them, read on the other half, mean
    of both directions. Blocks are whitened first, so that an invertible linear map of a block
    changes nothing. Beside each accuracy stand the majority's share (chance), the same statistic
    with labels shuffled over sources (control, see `shuffle_over_sources`) and the 95 % interval
    over resampled sources. V-information is 1 − CE / H(concept) with the CE on the rows read.

    Args:
        z_tilde: (n, d) codes of *held-out* rows: rows that T was fitted on flatter it.
        blocks: the layout of z̃.
        concepts: name → (n,) labels. Floating-point numbers are read as numeric concepts and
            binned into quintiles; their name in the result ends in " (quintile)".
        source: (n,) source of each row.
        spec: `probes`, `seed` and `bootstrap` are used.

    Raises:
        InputError: fewer than four sources, missing labels, codes that are not finite.

    Source: Xu et al., "A theory of usable information under computational constraints" (ICLR 2020)
        for V-information; the matrix over blocks is ours.
    """
    found = leakages({"blocks": (z_tilde, blocks), ALL: (z_tilde, None)}, concepts, source, spec)
    return Leakage(found["blocks"].cells + found[ALL].cells)


def leakages(
    codes: Mapping[str, tuple[ArrayLike | Tensor, Blocks | None]],
    concepts: Mapping[str, ArrayLike],
    source: ArrayLike,
    spec: EvaluationSpec = _DEFAULT,
) -> dict[str, Leakage]:
    """`leakage` of several codes of the same rows, their probes trained in one program.

    Args:
        codes: name → (z̃ (n, d), its blocks); with None the whole code is probed, as block "all".
        concepts: as `leakage` takes them.
        source: (n,).
        spec: as `leakage` takes it.
    """
    parts = [
        (method, block, whiten(part))
        for method, (code, blocks) in codes.items()
        for block, part in _parts(code, blocks)
    ]
    labels = {name: probe_labels(name, values) for name, values in concepts.items()}
    readings = probe_codes([part for *_, part in parts], list(labels.values()), source, spec)
    cells: dict[str, list[LeakageCell]] = {method: [] for method in codes}
    for probe in spec.probes:
        for i, (method, block, _) in enumerate(parts):
            for j, (concept, label) in enumerate(labels.items()):
                read = readings[probe, i, j]
                which = (probe, block, label.name, block == concept)
                cells[method].append(LeakageCell(*which, read.accuracy, read.v, read.samples, read.v_samples))
    return {method: Leakage(tuple(found)) for method, found in cells.items()}


def _parts(code: ArrayLike | Tensor, blocks: Blocks | None) -> list[tuple[str, Tensor]]:
    z_tilde = torch.as_tensor(code, dtype=torch.float32)
    finite = torch.isfinite(z_tilde).all(1)
    if not bool(finite.all()):
        bad = torch.nonzero(~finite).flatten()
        raise InputError(
            f"{len(bad)} rows of the code are not finite.",
            where=f"rows {bad[:5].tolist()}",
            fix="look at the activations of these rows, and at the training curve",
        )
    if blocks is None:
        return [(ALL, z_tilde)]
    return [(name, z_tilde[:, place]) for name, place in blocks.items()]
