"""Layers compared: how much of each concept every layer carries, over depth, seeds and checkpoints."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from iin_core.figures.compared import layers_compared
from iin_core.metrics.score import Score
from tasks.experiments.context import StudyContext
from tasks.experiments.drawing import figure
from tasks.experiments.found import Drawn, Found
from tasks.experiments.layers_check import checkpoints_of
from tasks.experiments.layers_numbers import CARRIED, EXPLAINED, MEASURES, measured
from tasks.experiments.spec import LayersSpec

WHICH = ["measure", "model", "layer", "index", "concept"]


def run(context: StudyContext, spec: LayersSpec) -> Found:
    """One chart of all layers, one of each training run of which several checkpoints are studied."""
    seeds = measured(context, spec)
    table = over_seeds(seeds)
    tables = {"layers": table, "seeds": seeds}
    drawn = _draw(context, "layers.svg", table, "layers", "Layers compared")
    words = [_how(table), *_depths(table), *_budgets(table)]
    for i, models in enumerate(checkpoints_of(context.plan)):
        # A panel a layer, and what was the model becomes what lies along the axis.
        part = table[table["model"].isin(models)]
        part = part.assign(index=part["model"].map(models.index))
        part = part.rename(columns={"model": "layer", "layer": "model"}).sort_values(["measure", "index"])
        if part.empty:
            continue
        name = f"checkpoints_{i}" if i else "checkpoints"
        tables[name] = part.rename(columns={"layer": "checkpoint", "model": "layer"})
        drawn += _draw(context, f"{name}.svg", part, name, "Checkpoints compared")
        words += _trainings(part, models)
    return Found(_scores(table), tables, drawn, words)


def over_seeds(seeds: pd.DataFrame) -> pd.DataFrame:
    """One row for each measure, layer and concept: the mean over seeds, an interval that holds all of them.

    The ends are the means of the seeds' own ends (95 % over sources), moved out to the lowest and the
    highest seed where these lie beyond.
    """
    rows = []
    for which, found in seeds.groupby(WHICH, sort=False):
        value = found["value"].to_numpy(float)
        # A seed without an interval is its own: what is exact has none.
        low, high = (found[end].fillna(found["value"]).to_numpy(float).mean() for end in ("low", "high"))
        row = dict(zip(WHICH, which, strict=True))
        row |= {"value": value.mean(), "low": min(low, value.min()), "high": max(high, value.max())}
        rows.append({**row, "seeds": len(found), "budget": found["budget"].iloc[0]})
    table = pd.DataFrame(rows)
    order = {measure: i for i, measure in enumerate(MEASURES.values())}
    return table.sort_values(
        "measure", key=lambda column: column.map(order), kind="stable", ignore_index=True
    )


@figure("chart of the layers")
def _draw(context: StudyContext, file: str, table: pd.DataFrame, name: str, title: str) -> Drawn:
    layers_compared(context.folder / file, table, title=title)
    caption = (
        "From above: the share of a concept's entropy that a probe reads from the whole layer, from the "
        "concept's own block, and from the worst other block (V-information; 0 is nothing, 1 all of it); how "
        "far the output moves when the block is drawn anew, where that was measured; the block's share of "
        "the dimensions. Bars: 95 % intervals over sources, wide enough to hold every seed."
    )
    said = []
    for (measure, model, concept), rows in table.groupby(["measure", "model", "concept"], sort=False):
        values = ", ".join(f"{row.layer} {row.value:.2f}" for row in rows.itertuples())
        said.append(f"{measure}, {concept} in {model}: {values}")
    return Drawn(file, caption, f"Line charts. {'; '.join(said)}.", table=name)


def _how(table: pd.DataFrame) -> str:
    n = int(table["seeds"].max())
    seeds = f"over {n} seeds" if n > 1 else "with one seed, so that bars are over sources alone"
    return (
        "A layer carries a concept where a probe of the whole layer reads it; an IIN has found it where "
        f"the concept's own block explains as much and no other block tells it. Values are means {seeds}."
    )


def _depths(table: pd.DataFrame) -> Iterator[str]:
    """Where each concept is carried most and least, and what its block explains there."""
    carried = table[table["measure"] == MEASURES[CARRIED]]
    for (model, concept), rows in carried.groupby(["model", "concept"], sort=False):
        most, least = (rows.loc[rows["value"].agg(which)] for which in ("idxmax", "idxmin"))
        told = f"{concept} in {model}: carried most by {_told(table, most)}"
        yield f"{told}." if len(rows) == 1 else f"{told}, least by {_told(table, least)}."


def _told(table: pd.DataFrame, row: pd.Series) -> str:
    same = (table[["model", "index", "concept"]] == row[["model", "index", "concept"]]).all(axis=1)
    own = table[same & (table["measure"] == MEASURES[EXPLAINED])]
    explained = f", of which its block explains {own['value'].iloc[0]:.2f}" if len(own) else ""
    return f"{row['layer']} ({row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}]{explained})"


def _budgets(table: pd.DataFrame) -> Iterator[str]:
    units = table.drop_duplicates(["model", "index", "concept"])
    if units["budget"].nunique() > 1:
        full = units[units["budget"] != "short"]
        named = dict.fromkeys(f"{row.concept} in {row.layer}" for row in full.itertuples())
        yield (
            f"All but {', '.join(named)} are of a short training budget: what their blocks explain is to be "
            "compared with one another; what the layers carry is comparable throughout."
        )


def _trainings(part: pd.DataFrame, models: list[str]) -> Iterator[str]:
    """How what a layer carries moved from the first to the last checkpoint."""
    carried = part[part["measure"] == MEASURES[CARRIED]]
    for (layer, concept), rows in carried.groupby(["model", "concept"], sort=False):
        first, last = rows.iloc[0], rows.iloc[-1]
        apart = first["high"] < last["low"] or last["high"] < first["low"]
        yield (
            f"From checkpoint {models[0]} to {models[-1]}, what {layer} carries of {concept} goes from "
            f"{first['value']:.2f} to {last['value']:.2f}" + ("." if apart else ", within the intervals.")
        )


def _scores(table: pd.DataFrame) -> dict[str, Score]:
    keys = {words: key for key, words in MEASURES.items()}
    scores = {}
    for row in table.to_dict("records"):
        where = f"{row['index']:02d} {row['layer']}"
        low, high = (None if np.isnan(row[end]) else float(row[end]) for end in ("low", "high"))
        key = f"compared/{where}/{row['concept']}/{keys[row['measure']]}"
        scores[key] = Score(float(row["value"]), low=low, high=high)
    return scores
