"""Attribute edits: a concept moved towards a label or number, and what readers say on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from iin_core.priors import ClassPrior, Label, ValuePrior
from tasks.evaluation.network import Predictions
from tasks.experiments.context import UnitContext
from tasks.experiments.drawn_rows import drawn_rows
from tasks.experiments.edit_figures import draw_curves, draw_strip
from tasks.experiments.edit_numbers import edit_number
from tasks.experiments.editing import COLUMNS, Collected, judge_together, judged_rows, rows_to_edit
from tasks.experiments.found import Found
from tasks.experiments.members import lonely_classes
from tasks.experiments.seen import WHO, Judged, Rows, Seen, class_of, see
from tasks.experiments.spec import EditsSpec
from tasks.experiments.told import listed, percent, shares

_HOW_TO_READ = (
    "A concept is moved in z̃ along the straight line from the row's own class (strength 0) to the one "
    "that is asked for (1) and beyond, or to a number; all other blocks stay. Then the edited row is put "
    "back into the running model, and readers say what they see: the concept should follow, all else "
    "should stay."
)


@dataclass(frozen=True)
class Edited:
    """Rows edited towards one label: of each strength what came out.

    Args:
        to: the label.
        base: (n,) held-out rows; those that are shown come first.
        wanted: reader → (n,) class indices.
        seen: one for each strength.
    """

    to: Label
    base: Rows
    wanted: Predictions
    seen: list[Seen]


def run(context: UnitContext, spec: EditsSpec) -> Found:
    """Edit every concept of two labels, every number, and what `to` names.

    Raises:
        InputError: what is decoded is no image of the data's kind.
    """
    found = Collected(words=[_HOW_TO_READ])
    for concept in context.material.factors:
        prior = context.interpreter.priors[concept]
        if isinstance(prior, ValuePrior):
            edit_number(context, spec, concept, found)
        elif isinstance(prior, ClassPrior) and (concept in spec.to or len(prior.labels) == 2):
            _edit_label(context, spec, (concept, prior), found)
    tables = {"edits": pd.DataFrame(found.rows, columns=list(COLUMNS))}
    if found.drawn_rows:
        tables["edits_rows"] = pd.concat(found.drawn_rows)
    if found.numbers:
        tables["edit_numbers"] = pd.DataFrame(found.numbers)
    if not context.network.readers:
        found.why["edits/joint"] = (
            "the model has neither a reader nor a head that says a concept of its output"
        )
    return Found(found.scores, tables, found.drawn, found.words, why=found.why)


def _edit_label(
    context: UnitContext, spec: EditsSpec, which: tuple[str, ClassPrior], found: Collected
) -> None:
    concept, prior = which
    edited = []
    for to in _targets(context, spec, (concept, prior), found):
        base = rows_to_edit(context, spec, concept, to)
        if len(base):
            found.drawn_rows.append(drawn_rows(context.material, base=base).assign(concept=concept, to=to))
            edited.append(_towards(context, spec, (concept, to), base))
        else:
            found.words.append(f"No held-out row could be moved to {concept} {to}: all have it, or no label.")
    if not edited:
        return
    rows = [
        row
        for one in edited
        for strength, seen in zip(spec.strengths, one.seen, strict=True)
        for row in judged_rows(context, (concept, one.to, strength), (seen, one.base, one.wanted))
    ]
    found.rows += rows
    at = int(np.argmin(np.abs(np.array(spec.strengths) - 1)))
    for judged in judge_together(context, concept, [(one.seen[at], one.base, one.wanted) for one in edited]):
        found.scores |= {f"edits/{concept}_{judged.reader}_{k}": s for k, s in judged.success.scores.items()}
        found.words += _sentences(concept, judged, [one.to for one in edited], spec.strengths[at])
    if rows:
        found.drawn += draw_curves(context, concept, pd.DataFrame(rows))
    for one in edited:
        images = [seen.images for seen in one.seen if seen.images is not None]
        if images:
            frames = torch.stack(images, 1)
            shown = context.material.rows[one.base[: len(frames)]]
            found.drawn += draw_strip(context, (concept, one.to), shown, frames, spec.strengths)


def _targets(
    context: UnitContext, spec: EditsSpec, which: tuple[str, ClassPrior], found: Collected
) -> list[Label]:
    """The labels to move to; on those that cannot be moved to a sentence is added to `found`."""
    concept, prior = which
    wanted = list(spec.to.get(concept, prior.labels))
    known = [label for label in wanted if label in prior.labels]
    strange = [label for label in wanted if label not in prior.labels]
    column = context.material.columns[concept]
    lonely = [label for label in lonely_classes(context.rows.of("train").table, column) if label in known]
    if strange:
        found.words.append(f"Left out: {concept} {listed(strange)}, which no training row has.")
    if lonely:
        found.words.append(
            f"Left out: {concept} {listed(lonely)}, which a single training source shows: the mean of "
            "its class would be that one example."
        )
    return [label for label in known if label not in lonely]


def _towards(context: UnitContext, spec: EditsSpec, which: tuple[str, Label], base: Rows) -> Edited:
    concept, to = which
    material, interpreter, network = context.material, context.interpreter, context.network
    z, rows = material.z[base], material.rows[base]
    seen = [
        see(network, rows, interpreter.edit(z, concept, to, strength=strength) - z, shown=spec.shown)
        for strength in spec.strengths
    ]
    index = class_of(network, concept, to)
    return Edited(to, base, {who: np.full(len(base), at) for who, at in index.items()}, seen)


def _sentences(concept: str, judged: Judged, targets: Sequence[Label], strength: float) -> list[str]:
    scores, who = judged.success, WHO[judged.reader]
    to = f"{concept} {listed(targets)} (strength {strength:.3g})"
    kept = shares(scores.kept)
    if scores.cause is None:
        return [f"Moved to {to}, {who} still says {kept}."] if kept else []
    told = f"Moved to {to}, {who} says so in {percent(scores.cause)} of {scores.cause.n:,} cases"
    return [f"{told}, and still says {kept}." if kept else f"{told}."]
