"""The literature's metrics of single dimensions, on `evaluation: full`, for comparison with other work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iin_core.errors import InputError
from iin_core.metrics import Score
from iin_core.metrics import per_dimension as literature
from iin_core.metrics.folds import half_split, shuffle_over_sources
from iin_core.metrics.jackknife import jackknife_interval
from iin_core.spec import EvaluationSpec
from tasks.evaluation.dependence import Found
from tasks.evaluation.keys import PER_DIMENSION, WITH_INTERVAL
from tasks.evaluation.material import Material

COLUMNS = ["metric", "value", "low", "high", "control", "n", "notes"]
NO_LABELS = "these metrics are of labels, and the concept set has none"


@dataclass(frozen=True)
class Rows:
    """Codes and classes, and their halves by source.

    Args:
        codes: (n, d).
        factors: (n, k) class indices.
        train: (n,) whether a row is in the half that is fitted; the others are read.
        seed: of what is random.
    """

    codes: NDArray[np.float32]
    factors: NDArray[np.int64]
    train: NDArray[np.bool_]
    seed: int

    def at(self, rows: NDArray[np.int64]) -> Rows:
        """Some of the rows, in the halves in which they were."""
        return Rows(self.codes[rows], self.factors[rows], self.train[rows], self.seed)

    @property
    def halves(self) -> tuple[NDArray[Any], ...]:
        """Codes and factors of the first half, then of the second."""
        return (
            self.codes[self.train],
            self.factors[self.train],
            self.codes[~self.train],
            self.factors[~self.train],
        )


Metric = Callable[[Rows], tuple[Mapping[str, float], tuple[str, ...]]]


def per_dimension(material: Material, spec: EvaluationSpec) -> Found:
    """Every metric of the unit's labels, and the same with labels that belong to other sources.

    Rows without one of the labels are left out. Fitted metrics learn on one half of the held-out
    sources and are read on the other. Those in `WITH_INTERVAL` are measured again without each of
    twenty groups of sources.
    """
    table = pd.DataFrame(columns=COLUMNS)
    if not material.labelled:
        return table, {}, {f"per_dimension/{name}": NO_LABELS for name in PER_DIMENSION}
    classes = np.stack([material.probed[name] for name in material.labelled], 1).astype(np.int64)
    whole = np.flatnonzero((classes >= 0).all(1))
    try:
        real, shuffled = _rows(material, classes, whole, spec.seed)
    except InputError as error:
        return table, {}, {f"per_dimension/{name}": error.what for name in PER_DIMENSION}
    scores: dict[str, Score] = {}
    why: dict[str, str] = {}
    lines = []
    for names, metric in METRICS:
        try:
            found, notes = metric(real)
            control, _ = metric(shuffled)
        except InputError as error:
            why |= {f"per_dimension/{name}": error.what for name in names}
            continue
        ends = _interval(names[0], metric, real, material.source[whole])
        for name in names:
            score = Score(found[name], None, control[name], *ends, len(whole))
            scores[f"per_dimension/{name}"] = score
            cells = (name, score.value, *ends, score.control, score.n, "; ".join(notes))
            lines.append(dict(zip(COLUMNS, cells, strict=True)))
    return pd.DataFrame(lines, columns=COLUMNS), scores, why


def _rows(
    material: Material, classes: NDArray[np.int64], whole: NDArray[np.int64], seed: int
) -> tuple[Rows, Rows]:
    source = material.source[whole]
    train = np.zeros(len(whole), dtype=bool)
    train[half_split(source, seed=seed)[0].fit] = True
    codes, factors = material.methods["iin"].code.numpy()[whole], classes[whole]
    # All labels of a row move together: what they have in common is not what is tested.
    donors = shuffle_over_sources(np.arange(len(whole)), source, seed=seed)
    return Rows(codes, factors, train, seed), Rows(codes, factors[donors], train, seed)


def _interval(
    name: str, metric: Metric, rows: Rows, source: NDArray[np.generic]
) -> tuple[float | None, float | None]:
    if name not in WITH_INTERVAL:
        return None, None
    try:
        return jackknife_interval(lambda kept: metric(rows.at(kept))[0][name], source, seed=rows.seed)
    except InputError:
        # Without some sources a class may be left with nothing to compare; the value itself stands.
        return None, None


def _score_of(name: str, metric: Callable[..., Any], *, halves: bool = False, seeded: bool = False) -> Any:
    def measure(rows: Rows) -> tuple[dict[str, float], tuple[str, ...]]:
        given = rows.halves if halves else (rows.codes, rows.factors)
        found = metric(*given, seed=rows.seed) if seeded else metric(*given)
        return {name: float(found.score)}, found.notes

    return (name,), measure


def _dci(rows: Rows) -> tuple[dict[str, float], tuple[str, ...]]:
    found = literature.dci(*rows.halves, seed=rows.seed)
    parts = {part: getattr(found, part) for part in ("disentanglement", "completeness", "informativeness")}
    return {f"dci_{part}": float(value) for part, value in parts.items()}, found.notes


METRICS: tuple[tuple[tuple[str, ...], Metric], ...] = (
    _score_of("mig", literature.mig),
    _score_of("modularity", literature.modularity),
    _score_of("explicitness", literature.explicitness, halves=True),
    _score_of("sap", literature.sap_discrete, halves=True),
    (("dci_disentanglement", "dci_completeness", "dci_informativeness"), _dci),
    _score_of("irs", literature.irs),
    _score_of("factor_vae", literature.factor_vae_score, seeded=True),
    _score_of("beta_vae", literature.beta_vae_score, seeded=True),
)
