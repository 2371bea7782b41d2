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
from iin_core.metrics.folds import half_split
from iin_core.metrics.permutation import permuted_rows
from iin_core.spec import EvaluationSpec
from tasks.evaluation.dependence import Found
from tasks.evaluation.keys import PER_DIMENSION
from tasks.evaluation.material import Material

COLUMNS = ["metric", "value", "control", "n", "notes"]
NO_LABELS = "these metrics are of labels, and the concept set has none"


@dataclass(frozen=True)
class Rows:
    """Codes and classes, and their halves by source.

    Args:
        codes: (n, d).
        factors: (n, k) class indices.
        train, test: row indices of either half.
        seed: of what is random.
    """

    codes: NDArray[np.float32]
    factors: NDArray[np.int64]
    train: NDArray[np.int64]
    test: NDArray[np.int64]
    seed: int

    @property
    def halves(self) -> tuple[NDArray[Any], ...]:
        """Codes and factors of the first half, then of the second."""
        return (
            self.codes[self.train],
            self.factors[self.train],
            self.codes[self.test],
            self.factors[self.test],
        )


def per_dimension(material: Material, spec: EvaluationSpec) -> Found:
    """Every metric of the unit's labels, and the same with labels that belong to other sources.

    Rows without one of the labels are left out. Fitted metrics learn on one half of the held-out
    sources and are read on the other.
    """
    table = pd.DataFrame(columns=COLUMNS)
    keys = [f"per_dimension/{name}" for name in PER_DIMENSION]
    if not material.labelled:
        return table, {}, dict.fromkeys(keys, NO_LABELS)
    classes = np.stack([material.probed[name] for name in material.labelled], 1).astype(np.int64)
    whole = np.flatnonzero((classes >= 0).all(1))
    source = material.source[whole]
    first, second = half_split(source, seed=spec.seed)
    halves = (second.read, first.read)
    codes = material.methods["iin"].code.numpy()[whole]
    order = next(iter(permuted_rows(source, 20, seed=spec.seed)))
    real = Rows(codes, classes[whole], *halves, spec.seed)
    shuffled = Rows(codes, classes[whole][order], *halves, spec.seed)
    scores, why, rows = {}, {}, []
    for names, metric in METRICS:
        try:
            found, notes = metric(real)
            control, _ = metric(shuffled)
        except InputError as error:
            why |= {f"per_dimension/{name}": error.what for name in names}
            continue
        for name in names:
            scores[f"per_dimension/{name}"] = Score(found[name], control=control[name], n=len(whole))
            cells = (name, found[name], control[name], len(whole), "; ".join(notes))
            rows.append(dict(zip(COLUMNS, cells, strict=True)))
    return pd.DataFrame(rows, columns=COLUMNS), scores, why


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


Metric = Callable[[Rows], tuple[Mapping[str, float], tuple[str, ...]]]
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
