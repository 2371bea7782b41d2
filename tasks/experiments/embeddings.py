"""1-D embeddings: one coordinate of each factor, held against each other and against every concept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iin_core.metrics import Score, ordering
from iin_core.projection import fit_projection
from tasks.experiments.context import UnitContext
from tasks.experiments.drawing import figure
from tasks.experiments.found import Drawn, Found, columns_of
from tasks.experiments.shown_rows import Values, concept_columns, map_rows
from tasks.experiments.spec import EmbeddingsSpec
from tasks.experiments.told import between

COLUMNS = ("factor", "concept", "kind", "value", "low", "high", "control", "control_high", "n")
_MOST_CONCEPTS = 4
Coordinates = Mapping[str, NDArray[np.float64]]


def run(context: UnitContext, spec: EmbeddingsSpec) -> Found:
    """Embed every block in one dimension; the rank correlation of each coordinate with each concept."""
    material, coded = context.material, context.material.methods["iin"]
    rows = map_rows(material, spec.rows, spec.seed)
    coordinates, method = {}, ""
    for name, place in context.interpreter.blocks.items():
        block = coded.code[rows][:, place].numpy()
        projection = fit_projection(block, 1, spec.embedding, spec.seed)
        coordinates[name], method = projection.apply(block)[:, 0], projection.method
    concepts = {name: values[rows] for name, values in concept_columns(material).items()}
    source = material.source[rows]
    scores = {
        (factor, concept): ordering(coordinate, values, source, seed=context.job.spec.seed)
        for factor, coordinate in coordinates.items()
        for concept, values in concepts.items()
    }
    table = pd.DataFrame(_rows(scores, concepts), columns=list(COLUMNS))
    places = pd.DataFrame({"row": material.rows[rows], **coordinates})
    return Found(
        scores={f"embeddings/{factor}_{concept}": score for (factor, concept), score in scores.items()},
        tables={"embeddings": table, "embeddings_rows": places},
        drawn=_draw(context, coordinates, concepts, method),
        words=_words(table),
    )


def _rows(
    scores: Mapping[tuple[str, str], Score], concepts: Mapping[str, Values]
) -> Iterator[dict[str, Any]]:
    for (factor, concept), score in scores.items():
        kind = "number" if concepts[concept].dtype.kind == "f" else "label"
        yield {"factor": factor, "concept": concept, "kind": kind, **columns_of(score, COLUMNS[3:])}


def _words(table: pd.DataFrame) -> list[str]:
    said = [
        "Each factor is laid out along one line; the rank correlation says how far the order along it is "
        "that of a concept: 1 means wholly, and what shuffled concepts reach means not at all."
    ]
    for factor, rows in table.groupby("factor", sort=False):
        parts = [_told(row) for row in cast("list[dict[str, Any]]", rows.to_dict("records"))]
        said.append(f"The line of {factor!r} orders by {', '.join(parts)}.")
    return said


def _told(row: dict[str, Any]) -> str:
    ends = between(row["low"], row["high"])
    return f"{row['concept']} {row['value']:.2f}{ends}, shuffled {row['control_high']:.2f}"


@figure("map of the factors against each other")
def _draw(
    context: UnitContext, coordinates: Coordinates, concepts: Mapping[str, Values], method: str
) -> Iterator[Drawn]:
    from iin_core.figures import factor_map

    shown = dict(list(concepts.items())[:_MOST_CONCEPTS])
    if len(coordinates) < 2 or not shown:
        return
    title = f"{context.unit.name} · factors against each other"
    factor_map(context.folder / "embeddings_map.png", coordinates, shown, title=title)
    how = "UMAP" if method == "umap" else "first principal component"
    n = len(next(iter(coordinates.values())))
    yield Drawn(
        "embeddings_map.png",
        f"One coordinate of each factor ({how} of its block) against that of each other, {n} held-out rows, "
        "shaded by each concept in turn: a factor that carries the concept has the shades in order along its "
        "axis, and the other factor's axis cuts through all of them.",
        f"Maps of {', '.join(coordinates)} in pairs, shaded by {', '.join(shown)}.",
        table="embeddings",
    )
