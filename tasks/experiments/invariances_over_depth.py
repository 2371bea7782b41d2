"""What the layers of a study discard, in one chart a model over depth."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from iin_core.metrics.score import Score
from tasks.experiments.context import StudyContext
from tasks.experiments.drawing import figure
from tasks.experiments.found import Drawn, Found
from tasks.experiments.invariances_check import depth_layers
from tasks.experiments.sealing import read_found
from tasks.experiments.spec import InvariancesOverDepthSpec

_TABLE, _SPACE = "invariances", "concept_space"


def run(context: StudyContext, spec: InvariancesOverDepthSpec) -> Found:
    """Put the tables of all layers together."""
    readable, kept = _tables(context, spec, _TABLE), _tables(context, spec, _SPACE)
    tables = {name: table for name, table in ((_TABLE, readable), (_SPACE, kept)) if len(table)}
    return Found(
        scores={"invariances_over_depth/layers": Score(float(readable["index"].nunique()))},
        tables=tables,
        drawn=_draw(context, readable),
        words=[
            "Each panel is a concept: where the line of v rises with depth and that of the layer falls, the "
            "model forgets it; the line of the code is what v could hold at most.",
            *_words(readable),
        ],
    )


def _tables(context: StudyContext, spec: InvariancesOverDepthSpec, name: str) -> pd.DataFrame:
    found = []
    for planned in depth_layers(context.plan, spec):
        assert planned.layer is not None
        sealed, layer = read_found(context.output(planned.layer.title)), planned.layer
        if name in sealed.tables:
            table = sealed.table(name)
            found.append(table.assign(model=layer.model, layer=layer.layer, index=layer.index))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


@figure("chart over depth")
def _draw(context: StudyContext, table: pd.DataFrame) -> Iterator[Drawn]:
    from iin_core.figures.invariances import invariances_over_depth

    shown = table[table["probe"] == table["probe"].iloc[-1]]
    for i, (model, rows) in enumerate(shown.groupby("model", sort=False)):
        file = f"invariances_{i}.svg"
        invariances_over_depth(context.folder / file, rows, title=f"{model} · what its layers discard")
        caption = (
            f"What a probe reads of each concept at each layer of {model}, with 95 % intervals over sources: "
            "of the layer, of what the flow reads of it, of v (what it discards), of the autoencoder's code."
        )
        yield Drawn(file, caption, " ".join(_words(rows)), table=_TABLE)


def _words(table: pd.DataFrame) -> list[str]:
    """For each model and concept where v tells least and where most; of a single layer what it tells."""
    found = []
    v = table[(table["probe"] == table["probe"].iloc[-1]) & (table["code"] == "v")]
    for (model, concept), rows in v.groupby(["model", "concept"], sort=False):
        if rows["layer"].nunique() == 1:
            row = rows.iloc[0]
            found.append(
                f"Of {concept}, what {model} discards at {row['layer']} tells {row['accuracy']:.2f}, "
                f"chance {row['chance']:.2f}."
            )
            continue
        least, most = rows.loc[rows["accuracy"].idxmin()], rows.loc[rows["accuracy"].idxmax()]
        found.append(
            f"Of {concept}, {model} discards least at {least['layer']} ({least['accuracy']:.2f} of v) "
            f"and most at {most['layer']} ({most['accuracy']:.2f}), chance {most['chance']:.2f}."
        )
    return found
