"""The literature's metrics of single dimensions, on `evaluation: full`, for comparison with other work."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iin_core.errors import InputError
from iin_core.metrics import Score
from iin_core.metrics.folds import shuffle_over_sources, split_sources
from iin_core.spec import EvaluationSpec
from tasks.evaluation.dependence import Found
from tasks.evaluation.keys import PER_DIMENSION
from tasks.evaluation.literature import METRICS, Interval, Metric, Rows
from tasks.evaluation.material import Material, class_codes

COLUMNS = ["metric", "value", "low", "high", "control", "n", "notes"]
NO_LABELS = "these metrics are of labels, and the concept set has none"
NO_INTERVAL = "no interval: without some sources it cannot be measured"


def per_dimension(material: Material, spec: EvaluationSpec) -> Found:
    """Every metric of the unit's labels, and the same with labels that belong to other sources.

    Rows without one of the labels are left out. Fitted metrics learn on one half of the held-out
    sources and are read on the other. For its interval each is measured again, whole, without some
    sources or with votes of its own.
    """
    table = pd.DataFrame(columns=COLUMNS)
    if not material.labelled:
        return table, {}, {f"per_dimension/{name}": NO_LABELS for name in PER_DIMENSION}
    classes = np.stack([class_codes(material.probed[name]) for name in material.labelled], 1)
    whole = np.flatnonzero((classes >= 0).all(1))
    try:
        real, shuffled = _rows(material, classes, whole, spec.seed)
    except InputError as error:
        return table, {}, {f"per_dimension/{name}": error.what for name in PER_DIMENSION}
    scores: dict[str, Score] = {}
    why: dict[str, str] = {}
    lines = []
    for metric in METRICS:
        try:
            found, notes = metric.measure(real)
            control, _ = metric.measure(shuffled)
        except InputError as error:
            why |= {f"per_dimension/{name}": error.what for name in metric.names}
            continue
        intervals = _intervals(metric, found, real, material.source[whole], spec.bootstrap)
        for name, ends in zip(metric.names, intervals, strict=True):
            score = Score(found[name], None, control[name], *ends, len(whole))
            if ends[0] is None and spec.bootstrap:
                why |= {f"per_dimension/{name}_{end}": NO_INTERVAL for end in ("low", "high")}
            scores[f"per_dimension/{name}"] = score
            cells = (name, score.value, *ends, score.control, score.n, "; ".join(notes))
            lines.append(dict(zip(COLUMNS, cells, strict=True)))
    return pd.DataFrame(lines, columns=COLUMNS), scores, why


def _rows(
    material: Material, classes: NDArray[np.int64], whole: NDArray[np.int64], seed: int
) -> tuple[Rows, Rows]:
    source = material.source[whole]
    train = np.zeros(len(whole), dtype=bool)
    train[split_sources(source, seed=seed)[0].fit] = True
    codes, factors = material.methods["iin"].code.numpy()[whole], classes[whole]
    # All labels of a row move together: what they have in common is not what is tested.
    donors = shuffle_over_sources(np.arange(len(whole)), source, seed=seed)
    return Rows(codes, factors, train, seed), Rows(codes, factors[donors], train, seed)


def _intervals(
    metric: Metric, found: Mapping[str, float], rows: Rows, source: NDArray[np.generic], draws: int
) -> tuple[Interval, ...]:
    nothing = ((None, None),) * len(metric.names)
    if draws == 0:
        return nothing
    try:
        return metric.intervals(found, rows, source, draws)
    except InputError:
        # Without some sources a class may be left with nothing to compare; the value itself stands.
        return nothing
