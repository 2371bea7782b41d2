"""Latent walks: each factor of a few rows walks inside its prior, and what the model says is watched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from iin_core.concept_values import class_index
from iin_core.metrics import Score
from iin_core.projection import fit_projection
from iin_core.redraw import share_beyond
from iin_core.walks import Steps, Walk
from tasks.experiments.context import UnitContext
from tasks.experiments.drawn_rows import drawn_rows
from tasks.experiments.found import Found
from tasks.experiments.seen import see
from tasks.experiments.shown_rows import decoded_images, map_rows, starting_rows
from tasks.experiments.source_scores import source_scores
from tasks.experiments.spec import WalksSpec
from tasks.experiments.walks_figures import draw_map, draw_strip, frame_steps
from tasks.experiments.walks_words import words

NEIGHBOURS = "neighbours"
_K = 5
_MOST_TRAINING_ROWS = 4000
COLUMNS = ("factor", "concept", "by", "changes", "low", "high", "away", "right", "walks", "steps")


@dataclass(frozen=True)
class Walked:
    """The walks in one factor.

    Args:
        walk: of all starting rows.
        beyond: share of its blocks that are less likely than 99 % of the held-out rows' own.
        said: (by, concept) → (steps + 1, n) class indices.
        images: (frames, shown, channels, height, width); None where the model decodes nothing.
    """

    walk: Walk
    beyond: float
    said: Mapping[tuple[str, str], NDArray[np.int64]]
    images: Tensor | None


def run(context: UnitContext, spec: WalksSpec) -> Found:
    """Walk in every block; how often what is said changes, where the walks are, what they look like."""
    starts = starting_rows(context.material, spec.starts, spec.seed)
    neighbours = _neighbours(context)
    walked = {
        factor: _walked(context, spec, (factor, i), starts, neighbours)
        for i, factor in enumerate(context.interpreter.blocks)
    }
    table = pd.DataFrame(_rows(context, walked, starts), columns=list(COLUMNS))
    steps = pd.DataFrame(
        [
            {
                "factor": name,
                "acceptance": found.walk.acceptance,
                "beyond": found.beyond,
                "seed": _seed(spec.seed, place),
            }
            for place, (name, found) in enumerate(walked.items())
        ]
    )
    points = map_rows(context.material, spec.rows, spec.seed)
    projection = fit_projection(context.material.z[points].numpy(), 2, spec.embedding, spec.seed)
    paths = {name: found.walk.z[:, : spec.shown] for name, found in walked.items()}
    strips = {name: found.images for name, found in walked.items() if found.images is not None}
    drawn = [*draw_map(context, spec, (projection, points), paths), *draw_strip(context, spec, strips)]
    return Found(
        scores=_scores(table, steps),
        tables={
            "walks": table,
            "walks_steps": steps,
            "walks_rows": drawn_rows(context.material, start=starts),
        },
        drawn=drawn,
        words=words(table, steps, spec),
    )


def _walked(
    context: UnitContext,
    spec: WalksSpec,
    which: tuple[str, int],
    starts: NDArray[np.int64],
    neighbours: Mapping[str, Any],
) -> Walked:
    factor, place = which
    z, how = context.material.z[starts], Steps(spec.alpha, spec.jump, spec.method)
    with torch.no_grad():
        walk = context.interpreter.walk(z, factor, spec.steps, _seed(spec.seed, place), how)
    said = {(NEIGHBOURS, concept): _by_neighbours(k, walk.z) for concept, k in neighbours.items()}
    images = None
    if context.network.reading.editable:
        rows = np.tile(context.material.rows[starts], spec.steps + 1)
        seen = see(context.network, rows, (walk.z - z).flatten(0, 1))
        for reader, concepts in seen.said.items():
            said |= {(reader, c): values.reshape(spec.steps + 1, -1) for c, values in concepts.items()}
        images = _images(context, spec, starts, walk)
    own = context.material.methods["iin"].code[:, context.interpreter.blocks[factor]]
    beyond = share_beyond(context.interpreter.priors[factor], own, walk.blocks[1:].flatten(0, 1))
    return Walked(walk, beyond, said, images)


def _images(context: UnitContext, spec: WalksSpec, starts: NDArray[np.int64], walk: Walk) -> Tensor | None:
    """The start and frames at even distances, (1 + frames, shown, …); None where none are images."""
    shown, frames = min(spec.shown, len(starts)), [0, *frame_steps(spec)]
    delta = (walk.z[frames, :shown] - walk.z[0, :shown]).flatten(0, 1)
    images = decoded_images(
        context.network, np.tile(context.material.rows[starts[:shown]], len(frames)), delta
    )
    return None if images is None else images.reshape(len(frames), shown, *images.shape[1:])


def _neighbours(context: UnitContext) -> dict[str, Any]:
    """Labelled concept → what the nearest training rows of the layer say of it."""
    from sklearn.neighbors import KNeighborsClassifier

    train = context.rows.of("train")
    rng = np.random.default_rng(0)
    found = {}
    for concept, spec in context.job.probed.items():
        if spec.kind != "label":
            continue
        names, codes = class_index(train.table[spec.column or concept].to_numpy())
        known = np.flatnonzero(codes >= 0)
        known = rng.permutation(known)[:_MOST_TRAINING_ROWS]
        if len(names) > 1 and len(known) > _K:
            found[concept] = KNeighborsClassifier(_K).fit(train.z[known].numpy(), codes[known])
    return found


def _by_neighbours(fitted: Any, path: Tensor) -> NDArray[np.int64]:
    said: NDArray[np.int64] = fitted.predict(path.flatten(0, 1).numpy()).astype(np.int64)
    return said.reshape(path.shape[0], -1)


def _rows(
    context: UnitContext, walked: Mapping[str, Walked], starts: NDArray[np.int64]
) -> Iterator[dict[str, Any]]:
    source = context.material.source[starts]
    truths = _truths(context, starts)
    for factor, found in walked.items():
        for (by, concept), said in found.said.items():
            (changes,) = source_scores((said[1:] != said[:-1]).mean(0)[:, None], source, context.job.spec)
            yield {
                "factor": factor,
                "concept": concept,
                "by": by,
                "changes": changes.value,
                "low": changes.low,
                "high": changes.high,
                "away": float((said[-1] != said[0]).mean()),
                "right": float((said[0] == truths[by][concept]).mean()),
                "walks": changes.n,
                "steps": len(said) - 1,
            }


def _truths(context: UnitContext, starts: NDArray[np.int64]) -> dict[str, dict[str, NDArray[np.int64]]]:
    """By whom → concept → (n,) the true class indices of the starting rows, −1 where there is none."""
    material = context.material
    table = material.table.iloc[starts]
    train = context.rows.of("train").table
    found = {reader.name: reader.truth(table, material.columns) for reader in context.network.readers}
    columns = {c: spec.column or c for c, spec in context.job.probed.items() if spec.kind == "label"}
    found[NEIGHBOURS] = {
        concept: pd.Index(class_index(train[column].to_numpy())[0], dtype=object).get_indexer(
            table[column].astype(object)
        )
        for concept, column in columns.items()
    }
    return found


def _scores(table: pd.DataFrame, steps: pd.DataFrame) -> dict[str, Score]:
    found = {
        f"walks/{row['factor']}_{row['concept']}_{row['by']}": Score(
            row["changes"], low=row["low"], high=row["high"], n=row["walks"]
        )
        for row in table.to_dict("records")
    }
    for row in steps.to_dict("records"):
        found[f"walks/{row['factor']}_acceptance"] = Score(row["acceptance"])
        found[f"walks/{row['factor']}_beyond"] = Score(row["beyond"])
    return found


def _seed(seed: int, place: int) -> int:
    return int(np.random.SeedSequence([seed, place]).generate_state(1)[0])
