"""What edits of labels and of numbers have in common: which rows, what is gathered, and how it is held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from iin_core.metrics import Score
from iin_core.priors import Label
from iin_core.varied_rows import varied_rows
from tasks.evaluation.material import is_absent
from tasks.evaluation.network import Predictions
from tasks.experiments.context import UnitContext
from tasks.experiments.found import Drawn, Undrawn, columns_of
from tasks.experiments.seen import Judged, Rows, Seen, judge
from tasks.experiments.spec import EditsSpec

COLUMNS = ("concept", "to", "strength", "reader", "statistic", "value", "low", "high", "n")
"""Of the table: cause, isolate, joint and `kept_<concept>` at each strength."""


@dataclass
class Collected:
    """What is gathered on the way."""

    rows: list[dict[str, object]] = field(default_factory=list)
    numbers: list[dict[str, object]] = field(default_factory=list)
    scores: dict[str, Score] = field(default_factory=dict)
    drawn: list[Drawn | Undrawn] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    why: dict[str, str] = field(default_factory=dict)
    drawn_rows: list[pd.DataFrame] = field(default_factory=list)


def rows_to_edit(context: UnitContext, spec: EditsSpec, concept: str, to: Label | None) -> Rows:
    """Held-out rows with a value of every concept of the unit and not the label `to`; shown ones first."""
    material = context.material
    values = {name: material.probed[name] for name in material.factors if name in material.probed}
    fit = ~np.any([is_absent(v) for v in values.values()], axis=0)
    if to is not None:
        fit &= material.table[material.columns[concept]].to_numpy() != to
    able = np.flatnonzero(fit)
    rng = np.random.default_rng(spec.seed)
    chosen = np.sort(rng.choice(able, min(spec.rows, len(able)), replace=False))
    labels = {name: v[chosen] for name, v in values.items() if v.dtype.kind != "f"}
    first = varied_rows(labels, material.source[chosen], spec.shown, spec.seed)
    return np.concatenate([chosen[first], np.delete(chosen, first)])


def judged_rows(
    context: UnitContext,
    asked: tuple[str, Label, float],
    edited: tuple[Seen, Rows, Predictions],
) -> Iterator[dict[str, object]]:
    """One row of the table for each reader and statistic.

    Args:
        context: of the unit.
        asked: concept, label or number, strength.
        edited: what came out, of which held-out rows, and reader → the wanted class indices.
    """
    concept, to, strength = asked
    seen, base, wanted = edited
    for judged in judge(context.network, context.material, seen, (concept, base, wanted), context.job.spec):
        for name, score in judged.success.scores.items():
            where = {"concept": concept, "to": to, "strength": strength, "reader": judged.reader}
            yield {**where, "statistic": name, **columns_of(score)}


def judge_together(
    context: UnitContext, concept: str, edited: Sequence[tuple[Seen, Rows, Predictions]]
) -> list[Judged]:
    """The same of several edits as one: what came out, of which rows, and what was wanted of each."""
    first = edited[0][0].said
    said = {
        who: {c: np.concatenate([seen.said[who][c] for seen, _, _ in edited]) for c in concepts}
        for who, concepts in first.items()
    }
    wanted = {who: np.concatenate([targets[who] for _, _, targets in edited]) for who in edited[0][2]}
    base = np.concatenate([rows for _, rows, _ in edited])
    asked = (concept, base, wanted)
    return judge(context.network, context.material, Seen(said, None, {}), asked, context.job.spec)
