"""The numbers of the comparison of layers, a row for each unit, read from what is sealed of it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pandas as pd

from tasks.experiments.context import StudyContext
from tasks.experiments.layers_check import RESPONSE, chosen_units
from tasks.experiments.response_words import BY_READER, MAIN
from tasks.experiments.sealing import read_found
from tasks.experiments.spec import LayersSpec
from tasks.output import Output
from tasks.planned import Unit

CARRIED, EXPLAINED = "carried", "explained"
MEASURES = {
    CARRIED: "carried by the layer",
    EXPLAINED: "explained by its block",
    "leak": "told by another block",
    "response": "response of the output",
    "dimensions": "share of dimensions",
}
"""Measure → how charts and tables call it, in the order of the chart."""
_QUINTILE = " (quintile)"


def measured(context: StudyContext, spec: LayersSpec) -> pd.DataFrame:
    """A row for each measure, unit and concept.

    Columns: measure, model, layer, index, concept, value, low, high, seed, budget. A concept that several
    sets hold is called after its set too.
    """
    units = chosen_units(context.plan, spec)
    rows = [
        {
            "measure": MEASURES[row.pop("measure")],
            "model": unit.model,
            "layer": unit.layer.layer,
            "index": unit.layer.index,
            "concept": _line(units, unit, row.pop("concept")),
            **row,
            "seed": unit.seed,
            "budget": unit.budget,
        }
        for unit in units
        for row in _of_unit(context, unit)
    ]
    columns = ["measure", "model", "layer", "index", "concept", "value", "low", "high", "seed", "budget"]
    return pd.DataFrame(rows, columns=columns).astype({"value": float, "low": float, "high": float})


def _line(units: list[Unit], unit: Unit, concept: str) -> str:
    sets = {other.concepts for other in units if concept in other.factors}
    return concept if len(sets) == 1 else f"{concept} in {unit.concepts}"


def _of_unit(context: StudyContext, unit: Unit) -> Iterator[dict[str, Any]]:
    yield from _read(context.output(f"evaluation {unit.name}"), unit)
    yield from _dimensions(context.output(f"dimensions {unit.name}"), unit)
    if f"response {unit.name}" in context.reads:
        yield from _response(context.output(f"response {unit.name}"), unit)


def _read(evaluated: Output, unit: Unit) -> Iterator[dict[str, Any]]:
    """What probes read of each concept: from the layer, from its block, and from the worst other one."""
    table = pd.read_csv(io.BytesIO(evaluated.read("leakage.csv")), keep_default_na=False, na_values=[""])
    probe = "mlp" if "mlp" in set(table["probe"]) else "linear"
    table = table[table["probe"] == probe]
    table = table.assign(concept=table["concept"].astype(str).str.removesuffix(_QUINTILE))
    for concept in unit.factors:
        of_it = table[table["concept"] == concept]
        iin = of_it[of_it["method"] == "iin"]
        others = iin[~iin["block"].isin([concept, "all"])].sort_values("v_information", ascending=False)
        layer = of_it[(of_it["method"] == "layer") & (of_it["block"] == "all")]
        found = {CARRIED: layer, EXPLAINED: iin[iin["block"] == concept], "leak": others}
        for measure, rows in found.items():
            if len(rows) and pd.notna(rows["v_information"].iloc[0]):
                yield _row(measure, concept, rows.iloc[0], "v_information", "v_information_")


def _row(measure: str, concept: str, row: pd.Series, value: str, stem: str) -> dict[str, Any]:
    ends = {end: row.get(f"{stem}{end}", float("nan")) for end in ("low", "high")}
    return {"measure": measure, "concept": concept, "value": row[value], **ends}


def _dimensions(output: Output, unit: Unit) -> Iterator[dict[str, Any]]:
    dims = json.loads(output.read("dimensions.json"))["dims"]
    for concept in unit.factors:
        share = dims[concept] / sum(dims.values())
        nothing = float("nan")
        yield {
            "measure": "dimensions", "concept": concept, "value": share, "low": nothing, "high": nothing,
        }  # fmt: skip


def _response(output: Output, unit: Unit) -> Iterator[dict[str, Any]]:
    """The block drawn from its prior; where the model has no head, the reader of the concept itself tells."""
    table = read_found(output).table(RESPONSE)
    table = table[(table["drawn"] == "prior") & (table["statistic"] == table["kind"].map(MAIN))]
    heads = table[(table["kind"] == "class") & ~table["output"].astype(str).str.endswith(BY_READER)]
    for concept in unit.factors:
        of_reader = table[table["output"] == f"{concept}{BY_READER}"]
        watched = next((found for found in (heads, of_reader, table) if len(found)), table)
        rows = watched[watched["factor"] == concept]
        if len(rows):
            yield _row("response", concept, rows.iloc[0], "value", "")
