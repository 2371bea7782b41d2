"""A number set to several values: what is measured of it afterwards, and whether all else stays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from iin_core.concept_values import as_numbers
from iin_core.metrics import Score
from iin_core.priors import ValuePrior
from iin_core.split import capture
from tasks.experiments.context import UnitContext
from tasks.experiments.drawn_rows import drawn_rows
from tasks.experiments.edit_figures import draw_strip, draw_values
from tasks.experiments.editing import Collected, judge_together, judged_rows, rows_to_edit
from tasks.experiments.found import columns_of
from tasks.experiments.seen import WHO, Rows, Seen, decoded, see
from tasks.experiments.source_scores import source_scores
from tasks.experiments.spec import EditsSpec
from tasks.experiments.told import listed, shares

ITSELF = "itself"
"""The layer, its decoded image shown to the model again, read by the IIN."""
_SAYS = {**WHO, ITSELF: "the layer itself, shown the decoded image again,"}


def edit_number(context: UnitContext, spec: EditsSpec, concept: str, found: Collected) -> None:
    """Set a numeric concept to each of its quantiles, or to what `to` gives; results are added to `found`."""
    base = rows_to_edit(context, spec, concept, None)
    values = _values(context, spec, concept)
    if not len(base) or len(values) < 2:
        found.words.append(f"{concept} was not edited: it takes one row and two different values.")
        return
    found.drawn_rows.append(drawn_rows(context.material, base=base).assign(concept=concept))
    z, rows = context.material.z[base], context.material.rows[base]

    def watch(output: Any) -> dict[str, Tensor]:
        return _numbers(context, concept, output)

    seen = []
    for value in values:
        delta = context.interpreter.edit(z, concept, value) - z
        seen.append(see(context.network, rows, delta, shown=spec.shown, watch=watch))
    _measured(context, (concept, values, base), seen, found)
    _kept(context, (concept, values, base), seen, found)
    images = [one.images for one in seen if one.images is not None]
    if images:
        frames = torch.stack(images, 1)
        found.drawn += draw_strip(context, (concept, None), rows[: len(frames)], frames, values)


def _values(context: UnitContext, spec: EditsSpec, concept: str) -> list[float]:
    given = spec.to.get(concept)
    if given is not None:
        return sorted(float(value) for value in given)
    column = context.rows.of("train").table[context.material.columns[concept]]
    numbers = as_numbers(column.to_numpy())
    quantiles = np.quantile(numbers[~np.isnan(numbers)], spec.quantiles)
    return sorted({float(f"{value:.6g}") for value in quantiles})


def _numbers(context: UnitContext, concept: str, output: Any) -> dict[str, Tensor]:
    """Who reads the number of an output → (b,): readers that return it, and the layer shown it again."""
    found = {}
    for reader in context.network.readers:
        number = reader.read(output).get(concept)
        if number is not None and number[0].numel() == 1:
            found[reader.name] = number.flatten().float()
    if context.network.decodes:
        found[ITSELF] = _again(context, concept, decoded(context.network, output))
    return found


def _again(context: UnitContext, concept: str, images: Tensor) -> Tensor:
    network, interpreter = context.network, context.interpreter
    prior = interpreter.priors[concept]
    assert isinstance(prior, ValuePrior)
    z = capture(network.model, images, {network.layer: network.reading})[network.layer]
    with torch.no_grad():
        return prior.read(interpreter.encode(z)[:, interpreter.blocks[concept]])


def _measured(
    context: UnitContext, asked: tuple[str, list[float], Rows], seen: list[Seen], found: Collected
) -> None:
    """How far the number that is read follows the one that was asked for, by whoever reads one."""
    concept, values, base = asked
    source, spec = context.material.source[base], context.job.spec
    for who in seen[0].numbers:
        read = np.stack([one.numbers[who] for one in seen], 1)
        for value, score in zip(values, source_scores(read, source, spec), strict=True):
            row = {"concept": concept, "asked": value, "who": who, "read": score.value}
            found.numbers.append({**row, **columns_of(score, ("low", "high", "n"))})
        centred = np.array(values) - np.mean(values)
        slopes = (read @ centred / (centred @ centred))[:, None]
        slope = replace(source_scores(slopes, source, spec)[0], chance=0.0)
        found.scores[f"edits/{concept}_{who}_slope"] = slope
        found.words.append(
            f"Set to {listed(values)}, {concept} is read by {_SAYS[who]} "
            f"as {listed(read.mean(0).tolist())} on average: {slope.value:.2f} "
            f"{_range(slope)}of what was asked for (1 is all of it, 0 nothing)."
        )
    mine = [row for row in found.numbers if row["concept"] == concept]
    if mine:
        found.drawn += draw_values(context, concept, mine)
    if set(seen[0].numbers) <= {ITSELF}:
        found.words.append(f"No reader returns the number {concept}, so that no independent one measures it.")


def _kept(
    context: UnitContext, asked: tuple[str, list[float], Rows], seen: list[Seen], found: Collected
) -> None:
    """What readers say of the other concepts, at each value and over all of them."""
    concept, values, base = asked
    for value, one in zip(values, seen, strict=True):
        found.rows += judged_rows(context, (concept, value, 1.0), (one, base, {}))
    for judged in judge_together(context, concept, [(one, base, {}) for one in seen]):
        isolate = judged.success.isolate
        if isolate is not None:
            found.scores[f"edits/{concept}_{judged.reader}_isolate"] = isolate
            kept = shares(judged.success.kept)
            found.words.append(f"With {concept} set, {WHO[judged.reader]} still says {kept}.")


def _range(score: Score) -> str:
    return "" if score.low is None or score.high is None else f"({score.low:.2f}–{score.high:.2f}) "
