"""Interpolation: lines that are straight in z̃ against lines that are straight in z."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from iin_core.metrics import Score
from iin_core.walks import Space
from tasks.evaluation.material import Pairs, draw_pairs
from tasks.experiments.context import UnitContext
from tasks.experiments.drawing import figure
from tasks.experiments.drawn_rows import drawn_rows
from tasks.experiments.found import Drawn, Found
from tasks.experiments.seen import in_range
from tasks.experiments.shown_rows import decoded_images
from tasks.experiments.source_scores import source_scores
from tasks.experiments.spec import InterpolationSpec
from tasks.experiments.told import between
from tasks.experiments.watched import watch

SPACES: tuple[Space, ...] = ("code", "activation")
DENSITY = "log-density under the blocks' priors (nats/dim)"
NORMAL = "NLL under N(0, I) (nats/dim)"
_NAMES = {"code": "z̃", "activation": "z"}
Curves = Mapping[tuple[str, str], NDArray[np.float64]]
"""(space, quantity) → (points, pairs)."""


def run(context: UnitContext, spec: InterpolationSpec) -> Found:
    """Lines between held-out rows, their likelihood, what is said along them, and their images."""
    pairs = draw_pairs(context.material, [], spec.pairs, spec.seed)
    lines: dict[str, Tensor] = {}
    curves: dict[tuple[str, str], NDArray[np.float64]] = {}
    for space in SPACES:
        with torch.no_grad():
            a, b = (context.material.z[rows] for rows in pairs)
            line = context.interpreter.interpolate(a, b, spec.points, space)
        lines[space] = line.z
        curves[space, DENSITY] = (line.log_prob / a.shape[1]).double().numpy()
        curves[space, NORMAL] = line.nll_per_dim.double().numpy()
        said = _confidence(context, pairs, line.z)
        curves |= {(space, name): values for name, values in said.items()}
    source = context.material.source[pairs[0]]
    table = _table(curves, source, context)
    scores = _scores(curves, source, context)
    return Found(
        scores=scores,
        tables={
            "interpolation": table,
            "interpolation_rows": drawn_rows(context.material, first=pairs[0], second=pairs[1]),
        },
        drawn=[*_draw_curves(context, spec, table), *_draw_strip(context, spec, pairs, lines)],
        words=_words(scores),
    )


def _confidence(context: UnitContext, pairs: Pairs, z: Tensor) -> dict[str, NDArray[np.float64]]:
    """What is read → (points, pairs), how sure its reader is of the class that it says."""
    if not (context.network.reading.editable and context.network.readers):
        return {}
    rows = np.tile(context.material.rows[pairs[0]], len(z))
    delta = (z - context.material.z[pairs[0]]).flatten(0, 1)
    found: dict[str, list[Tensor]] = {}
    for _, watched in watch(context.network, rows, lambda part: delta[part]):
        for part in watched:
            if part.kind == "class":
                found.setdefault(part.name, []).append(part.values.softmax(-1).amax(-1).double())
    return {
        f"confidence in {name}": torch.cat(values).reshape(len(z), -1).numpy()
        for name, values in found.items()
    }


def _table(curves: Curves, source: NDArray[np.generic], context: UnitContext) -> pd.DataFrame:
    rows = []
    for (space, quantity), values in curves.items():
        scores = source_scores(values.T, source, context.job.spec)
        for share, score in zip(np.linspace(0, 1, len(values)), scores, strict=True):
            rows.append((space, quantity, share, score.value, score.low, score.high, score.n))
    return pd.DataFrame(rows, columns=["space", "quantity", "share", "value", "low", "high", "pairs"])


def _scores(curves: Curves, source: NDArray[np.generic], context: UnitContext) -> dict[str, Score]:
    """How far the middle third is below the ends, in each space: density and confidence."""
    found = {}
    for (space, quantity), values in curves.items():
        third = len(values) // 3
        ends = (values[0] + values[-1]) / 2
        change = values[third : len(values) - third].mean(0) - ends
        (score,) = source_scores(change[:, None], source, context.job.spec)
        found[f"interpolation/{_key(quantity)}_{space}"] = score
    return found


def _key(quantity: str) -> str:
    return {DENSITY: "log_prob_change", NORMAL: "nll_change"}.get(
        quantity, f"{quantity.removeprefix('confidence in ')}_confidence_change"
    )


def _words(scores: Mapping[str, Score]) -> list[str]:
    """The first says how to read it; then a sentence a quantity, with what sets the two spaces apart."""
    names = list(
        dict.fromkeys(
            key.removeprefix("interpolation/").removesuffix("_code").removesuffix("_activation")
            for key in scores
        )
    )
    return [_HOW_TO_READ, *(_sentence(name, scores) for name in names)]


_HOW_TO_READ = (
    "Told is how much the middle third of a line differs from the mean of its ends. A rise in density alone "
    "is no merit: half-way between two draws of a normal prior lies nearer to its centre than either. What "
    "counts is lines straight in z̃ against lines straight in z, and whether a reader stays sure of what it "
    "sees on the way."
)


def _sentence(name: str, scores: Mapping[str, Score]) -> str:
    what, unit = {
        "log_prob_change": ("the log-density under the blocks' priors", " nats/dim"),
        "nll_change": ("the NLL under the published N(0, I)", " nats/dim"),
    }.get(name, (f"the confidence in {name.removesuffix('_confidence_change')}", ""))
    code, activation = (scores[f"interpolation/{name}_{space}"] for space in SPACES)
    both = " and ".join(
        f"by {score.value:+.3f}{between(score.low, score.high, '+.3f')}{unit} along lines straight in "
        f"{_NAMES[space]}"
        for space, score in zip(SPACES, (code, activation), strict=True)
    )
    return f"Half-way, {what} changes {both}{_apart(code, activation)}."


def _apart(first: Score, second: Score) -> str:
    """Whether two scores differ by more than their intervals; nothing where there are none."""
    if first.low is None or first.high is None or second.low is None or second.high is None:
        return ""
    if first.low > second.high or second.low > first.high:
        return ": the intervals lie apart"
    return ": the intervals overlap, so that neither space is shown to be better"


@figure("curves along lines")
def _draw_curves(context: UnitContext, spec: InterpolationSpec, table: pd.DataFrame) -> Iterator[Drawn]:
    from iin_core.figures import line_curves

    title = f"{context.unit.name} · along lines"
    line_curves(context.folder / "interpolation.svg", table, title=title)
    middle = table[np.isclose(table["share"], 0.5)]
    told = [
        f"{row['quantity']} straight in {_NAMES[row['space']]} {row['value']:.2f}"
        for row in cast("list[dict[str, Any]]", middle.to_dict("records"))
    ]
    yield Drawn(
        "interpolation.svg",
        f"Along {spec.pairs} lines between held-out rows: log-density under the blocks' priors, negative "
        "log-likelihood under the published N(0, I), and how sure each reader is; bands are 95 % intervals "
        "over sources.",
        f"Half-way: {'; '.join(told)}." if told else "Curves along lines.",
        table="interpolation",
    )


@figure("film strip")
def _draw_strip(
    context: UnitContext, spec: InterpolationSpec, pairs: Pairs, lines: Mapping[str, Tensor]
) -> Iterator[Drawn]:
    from iin_core.figures import Heads, film_strip

    base = pairs[0][: spec.shown]
    images = {}
    for space, line in lines.items():
        delta = (line[:, : len(base)] - context.material.z[base]).transpose(0, 1).flatten(0, 1)
        found = decoded_images(context.network, np.repeat(context.material.rows[base], len(line)), delta)
        if found is None:
            return
        images[space] = found.reshape(len(base), len(line), *found.shape[1:])
    frames = torch.stack([images[space] for space in SPACES], 1).flatten(0, 1)
    names = [f"in {_NAMES[space]}" for _ in base for space in SPACES]
    shares = [f"{share:.0%}" for share in np.linspace(0, 1, spec.points)[1:]]
    heads = Heads(steps=shares, rows=names, across="share of the way →")
    shown = in_range(frames, frames)
    film_strip(
        context.folder / "interpolation_strip.png",
        shown[:, 0],
        shown[:, 1:],
        heads,
        title=f"{context.unit.name} · interpolation",
    )
    yield Drawn(
        "interpolation_strip.png",
        "From the row at the left to another at the right: each first line is straight in z̃, each second one "
        "straight in z, where both rows may show through at once.",
        f"{len(base)} pairs of lines, {spec.points} images each.",
        pixelated=True,
    )
