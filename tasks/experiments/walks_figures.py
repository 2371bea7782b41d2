"""The figures of walks: their paths on a map of the layer, and what the decoder makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iin_core.projection import Projection
from tasks.experiments.context import UnitContext
from tasks.experiments.drawing import figure
from tasks.experiments.found import Drawn
from tasks.experiments.seen import in_range
from tasks.experiments.shown_rows import concept_columns
from tasks.experiments.spec import WalksSpec

_MOST_CONCEPTS = 3


@figure("map of the walks")
def draw_map(
    context: UnitContext,
    spec: WalksSpec,
    known: tuple[Projection, NDArray[np.int64]],
    paths: Mapping[str, Tensor],
) -> Drawn:
    """Walks on a map of held-out rows.

    Args:
        context, spec: of the unit.
        known: the map, and the rows that are shown on it.
        paths: factor → (steps + 1, shown, N) activations.
    """
    from iin_core.figures import walk_map

    projection, points = known
    concepts = {name: values[points] for name, values in concept_columns(context.material).items()}
    if not concepts:
        concepts = {"(none)": np.zeros(len(points))}
    names = [name for name in concepts if name in context.material.factors] or list(concepts)
    flat = {name: projection.apply(path.flatten(0, 1).numpy()) for name, path in paths.items()}
    walks = {name: flat[name].reshape(*path.shape[:2], 2) for name, path in paths.items()}
    title = f"{context.unit.name} · walks"
    places = projection.apply(context.material.z[points].numpy())
    walk_map(
        context.folder / "walks_map.png",
        places,
        {name: concepts[name] for name in names[:_MOST_CONCEPTS]},
        walks,
        title=title,
    )
    return Drawn(
        "walks_map.png",
        f"Activations of {len(points)} held-out rows by {projection.words}, and what a walk of {spec.steps} "
        "steps in one factor makes of one row, all else kept; the ring is where it begins.",
        f"A map of {len(points)} rows with a walk in each of {', '.join(paths)}.",
        table="walks",
    )


@figure("film strip")
def draw_strip(context: UnitContext, spec: WalksSpec, strips: Mapping[str, Tensor]) -> Iterator[Drawn]:
    """A line of images a factor; nothing where there are none.

    Args:
        context, spec: of the unit.
        strips: factor → (1 + frames, shown, channels, height, width), the start first.
    """
    from iin_core.figures import Heads, film_strip

    if not strips:
        return
    shown = next(iter(strips.values())).shape[1]
    given = torch.cat([images[0] for images in strips.values()])
    frames = torch.cat([images[1:].transpose(0, 1) for images in strips.values()])
    names = [name for name in strips for _ in range(shown)]
    heads = Heads(steps=frame_steps(spec), rows=names, across="step of the walk →")
    film_strip(
        context.folder / "walks_strip.png",
        in_range(given, given),
        in_range(frames, given),
        heads,
        title=f"{context.unit.name} · walks",
    )
    yield Drawn(
        "walks_strip.png",
        "What the decoder makes of a held-out row, and of the same row while one factor walks, all else "
        f"kept: a line a factor, {spec.steps} steps.",
        f"A line of {len(heads.steps)} images for each of {', '.join(strips)}.",
        pixelated=True,
    )


def frame_steps(spec: WalksSpec) -> list[int]:
    """Which steps are shown, after the start."""
    return sorted({int(step) for step in np.linspace(1, spec.steps, min(spec.frames, spec.steps))})
