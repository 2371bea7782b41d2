"""Leakage beyond a block's own concept: what correlated concepts do not explain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from iin_core.blocks import Blocks
from iin_core.metrics.bootstrap import interval
from iin_core.metrics.labels import MISSING, ProbeLabels, probe_labels
from iin_core.metrics.probe_rows import ProbeRows, cross_fit
from iin_core.metrics.probing import Reading, probe_codes
from iin_core.metrics.score import Score
from iin_core.metrics.whiten import whiten
from iin_core.spec import EvaluationSpec

PROBES = ("linear", "mlp")
"""Families that can take class indicators beside a code."""
_DEFAULT = EvaluationSpec()


@dataclass(frozen=True)
class ConditionalCell:
    """What a block tells of a foreign concept to a reader who knows the block's own concept.

    Args:
        probe: "linear" or "mlp".
        block: the block read from.
        concept: the foreign concept; "(quintile)" is added to the name of a binned number.
        given: the block's own concept, as it is called when it is read.
        accuracy: of a probe of the own concept's class and the block together; `chance` is that of
            a probe of the class alone, `control` that of the class and a block of another row of
            the same class.
        v: conditional V-information, 1 − CE(concept | own, block) / CE(concept | own), clipped at
            0; `control` likewise.
    """

    probe: str
    block: str
    concept: str
    given: str
    accuracy: Score
    v: Score


def conditional_leakage(
    z_tilde: ArrayLike | Tensor,
    blocks: Blocks,
    concepts: Mapping[str, ArrayLike],
    source: ArrayLike,
    spec: EvaluationSpec = _DEFAULT,
) -> tuple[ConditionalCell, ...]:
    """A[block, concept | the block's own concept], for every block that has a concept.

    Where concepts depend on each other a perfectly clean block tells a foreign concept as well as
    its own concept does. Here a probe reads the foreign concept from the own concept's class, and
    another one from the class and the block together: only what the second knows more is leakage.
    Probes are cross-fit over sources as in `leakage`; intervals are over sources. The residual has
    no concept of its own: its plain leakage is what counts.

    Args:
        z_tilde: (n, d) codes of held-out rows.
        blocks: the layout of z̃.
        concepts: as `leakage` takes them; rows without the own or the foreign label are left out.
        source: (n,).
        spec: `probes` (of which linear and MLP are used), `folds`, `seed`, `bootstrap`.

    Returns:
        for each family, block with a concept, and other concept one cell.

    Raises:
        InputError: as `leakage`.

    Source: Hewitt et al., "Conditional probing: measuring usable information beyond a baseline"
        (EMNLP 2021).
    """
    rows = cross_fit(source, seed=spec.seed, parts=spec.folds)
    labels = {name: probe_labels(name, values) for name, values in concepts.items()}
    code = torch.as_tensor(z_tilde, dtype=torch.float32)
    families = tuple(probe for probe in spec.probes if probe in PROBES)
    chosen = spec.model_copy(update={"probes": families})
    cells = []
    for name, label in labels.items():
        others = [other for other in labels.values() if other is not label]
        if name in blocks and others:
            cells += _of_block(name, whiten(code[:, blocks[name]]), (label, others), rows, chosen)
    return tuple(sorted(cells, key=lambda cell: families.index(cell.probe)))


def _of_block(
    name: str,
    block: Tensor,
    known: tuple[ProbeLabels, list[ProbeLabels]],
    rows: ProbeRows,
    spec: EvaluationSpec,
) -> list[ConditionalCell]:
    own, others = known
    told = [ProbeLabels(other.name, np.where(own.known, other.classes, MISSING)) for other in others]
    indicators = _indicators(own)
    exchanged = block[torch.from_numpy(_within_classes(own.classes, seed=spec.seed))]
    codes = [torch.cat([indicators, part], 1) for part in (block[:, :0], block, exchanged)]
    readings = probe_codes(codes, told, rows, spec, shuffles=0)
    cells = []
    for probe in spec.probes:
        for i, other in enumerate(told):
            alone, together, control = (readings[probe, j, i] for j in range(3))
            scores = (_accuracy(alone, together, control), _v(alone, together, control))
            cells.append(ConditionalCell(probe, name, other.name, own.name, *scores))
    return cells


def _indicators(label: ProbeLabels) -> Tensor:
    """(n, C) class indicators whose columns have about unit variance."""
    scaled: Tensor = torch.eye(label.n_classes) * label.n_classes**0.5
    indicators: Tensor = scaled[torch.from_numpy(label.classes.clip(0))]
    return indicators


def _within_classes(classes: NDArray[np.int64], *, seed: int) -> NDArray[np.int64]:
    """For each row another row of the same class."""
    rng = np.random.default_rng(seed)
    by_class = np.argsort(classes, kind="stable")
    rows = np.empty_like(by_class)
    rows[by_class] = np.lexsort((rng.random(len(classes)), classes))
    return rows


def _accuracy(alone: Reading, together: Reading, control: Reading) -> Score:
    found = together.accuracy
    return Score(
        value=found.value,
        chance=alone.accuracy.value,
        control=control.accuracy.value,
        low=found.low,
        high=found.high,
        n=found.n,
    )


def _v(alone: Reading, together: Reading, control: Reading) -> Score:
    value, untold = (_gained(alone.loss, reading.loss) for reading in (together, control))
    low, high = interval(
        np.array([_gained(*losses) for losses in zip(alone.losses, together.losses, strict=True)])
    )
    return Score(value, chance=0.0, control=untold, low=low, high=high, n=together.accuracy.n)


def _gained(without: float, with_block: float) -> float:
    """1 − CE with / CE without, clipped at 0; nothing can be gained where nothing is left to tell."""
    return max(0.0, 1 - with_block / without) if without > 0 else 0.0
