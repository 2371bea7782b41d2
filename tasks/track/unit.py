"""What MLflow is told of one unit: the same metric keys in every child run, whatever the unit is."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tasks.evaluation.keys import COMPANIONS, COMPANIONS_OF, companion
from tasks.results import SCORE, read_reasons, read_scores
from tasks.track.server import Dataset, DatasetInput, InputTag, Metric, Param
from tasks.tracked_names import digest, markdown_text, param_value, shorten, tag_value

if TYPE_CHECKING:
    from tasks.output import Output, Root
    from tasks.plan import Plan, Unit

CURVE_POINTS = 320
"""More are never shown: MLflow's line chart samples so many."""
LEAK_CHANCE = "score/leak_chance"
_SCHEMA_LENGTH = 60_000
_NOTE_LENGTH = 4_000


def unit_tags(plan: Plan, unit: Unit, parent: str) -> dict[str, str]:
    """The tags by which a person filters and by which this package finds the child run again."""
    tags = {
        "iin.kind": "unit",
        "iin.key": unit.evaluate.key,
        "iin.study": plan.study.name,
        "iin.model": unit.model,
        "iin.layer": unit.layer.layer,
        "iin.layer_index": f"{unit.layer.index:02d}",
        "iin.concepts": unit.concepts,
        "iin.seed": unit.seed,
        "iin.budget": unit.budget,
        "iin.version": version("iin"),
        "mlflow.parentRunId": parent,
        "mlflow.source.name": f"study {plan.study.name}",
    }
    return {name: tag_value(value) for name, value in tags.items()}


def unit_params(unit: Unit, trained: Output) -> list[Param]:
    """At most twelve facts about the unit; everything else is in its files."""
    params = {
        "model": unit.model,
        "layer": unit.layer.layer,
        "layer_index": unit.layer.index,
        "reading": unit.layer.reading.name,
        "n": unit.layer.n,
        "concepts": unit.concepts,
        "seed": unit.seed,
        "budget": unit.budget,
        "updates": unit.training.updates,
        "couplings": unit.flow.couplings,
        "hidden": unit.flow.hidden,
        "dims": json.dumps(trained.meta.get("dims", {}), ensure_ascii=False),
    }
    return [Param(name, param_value(value)) for name, value in params.items()]


def unit_metrics(unit: Unit, evaluated: Output, trained: Output, root: Root) -> list[Metric]:
    """Every score and the costs; a score that is not applicable is NaN, so that no key is missing."""
    when = sealed_at(evaluated)
    extracted = root.find(unit.layer.extract)
    costs = {
        "cost/train_seconds": _seconds(trained, "train"),
        "cost/train_cpu_seconds": _seconds(trained, "loop_cpu"),
        "cost/evaluate_seconds": _seconds(evaluated, "evaluate"),
        "cost/evaluate_predicted_seconds": _seconds(evaluated, "predicted"),
        "cost/extract_seconds": math.nan if extracted is None else _seconds(extracted, "extract"),
        "cost/interpreter_mib": sum(entry["bytes"] for entry in trained.files.values()) / 2**20,
    }
    return metrics({**read_scores(evaluated), **costs}, when)


def unit_curves(trained: Output) -> list[Metric]:
    """The training's curves as `train/curve_…`, by update, at most 320 points each."""
    table = pd.read_csv(io.BytesIO(trained.read("curves.csv")))
    when = sealed_at(trained)
    return [
        Metric(f"train/curve_{column}", value, when, step)
        for column in table.columns
        if column != "update"
        for step, value in _curve(table["update"], table[column])
    ]


def unit_note(unit: Unit, evaluated: Output) -> str:
    """Markdown: what the unit is, where its files are, and why some scores are not there."""
    reasons, scores = read_reasons(evaluated), read_scores(evaluated)
    lines = [
        f"**{markdown_text(unit.name)}** ({markdown_text(unit.model)}, {unit.budget} training budget)",
        "",
        f"Sealed output `evaluations/{evaluated.key[:2]}/{evaluated.key}`; interpreter "
        f"`units/{unit.train.key[:2]}/{unit.train.key}`.",
    ]
    lines += ["", *_headline(scores)]
    if reasons:
        by_reason: dict[str, list[str]] = {}
        for score, reason in reasons.items():
            if companion(score) is None:
                by_reason.setdefault(reason, []).append(score)
        lines += ["", "Not applicable, shown as NaN:", ""]
        lines += [f"- {', '.join(scores)}: {markdown_text(why)}" for why, scores in by_reason.items()]
    return shorten("\n".join(lines), _NOTE_LENGTH)


def _headline(scores: Mapping[str, float | None]) -> Iterable[str]:
    """The headline scores, each with what it is to be held against."""
    for key, value in scores.items():
        if key.startswith(SCORE) and key in COMPANIONS_OF and key != LEAK_CHANCE and value is not None:
            yield f"- {key.removeprefix(SCORE)}: {value:.4g}{held_against(scores, key)}"


def held_against(scores: Mapping[str, float | None], key: str) -> str:
    """` [0.93, 0.97], chance 0.10, shuffled 0.11`, as far as it is known of a score."""
    beside = {suffix: scores.get(f"{key}_{suffix}") for suffix in COMPANIONS}
    if key == "score/leak_worst":
        beside["chance"] = scores.get(LEAK_CHANCE)
    known = {suffix: value for suffix, value in beside.items() if value is not None and math.isfinite(value)}
    ends = f" [{known['low']:.3f}, {known['high']:.3f}]" if {"low", "high"} <= set(known) else ""
    words = {"chance": "chance", "control": "shuffled"}
    return ends + "".join(f", {words[s]} {known[s]:.3f}" for s in words if s in known)


def datasets(plan: Plan, root: Root, unit: Unit | None = None) -> list[DatasetInput]:
    """The row table, and for a unit its layer's activations, with the keys as digests."""
    found = [_rows(plan, root)]
    if unit is not None:
        found.append(_activations(unit, root))
    return [entry for entry in found if entry is not None]


def metrics(values: Mapping[str, float | None], when: int, step: int = 0) -> list[Metric]:
    """Make metrics of values; None and the infinite, which MLflow would store as 1.8e308, become NaN."""
    return [Metric(name, _finite(value), when, step) for name, value in values.items()]


def sealed_at(output: Output) -> int:
    """When the output was sealed, in milliseconds: the same whenever it is tracked again."""
    return int(datetime.fromisoformat(str(output.manifest["created"])).timestamp() * 1000)


def _rows(plan: Plan, root: Root) -> DatasetInput | None:
    output = root.find(plan.rows)
    if output is None:
        return None
    import pyarrow.parquet as pq

    with output.file("rows.parquet").open("rb") as file:
        table = pq.ParquetFile(file)
        columns = [
            {"name": field.name, "type": _column_type(str(field.type))} for field in table.schema_arrow
        ]
        n_rows = table.metadata.num_rows
    return _dataset(
        f"{plan.study.name} rows", output, {"mlflow_colspec": columns}, {"num_rows": n_rows}, "rows"
    )


def _activations(unit: Unit, root: Root) -> DatasetInput | None:
    output = root.find(unit.layer.extract)
    if output is None:
        return None
    name = f"{unit.model}/{unit.layer.layer} activations"
    tensor = {"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, unit.layer.n]}}
    profile = {"num_rows": output.meta.get("n_rows"), "features": unit.layer.n}
    return _dataset(
        name, output, {"mlflow_tensorspec": {"features": [tensor], "targets": None}}, profile, "training"
    )


def _dataset(
    name: str, output: Output, schema: Mapping[str, Any], profile: Mapping[str, Any], context: str
) -> DatasetInput:
    text = json.dumps(schema)
    dataset = Dataset(
        name=shorten(name, 500),
        digest=digest(output.key),
        source_type="local",
        source=json.dumps({"uri": str(output.path)}),
        schema=text if len(text) <= _SCHEMA_LENGTH else None,
        profile=json.dumps(profile),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", context)])


def _column_type(arrow: str) -> str:
    for start, name in (
        ("int", "long"),
        ("uint", "long"),
        ("float", "double"),
        ("double", "double"),
        ("bool", "boolean"),
    ):
        if arrow.startswith(start):
            return name
    return "string"


def _curve(updates: pd.Series, values: pd.Series) -> Iterable[tuple[int, float]]:
    there = np.flatnonzero(np.isfinite(values.to_numpy(dtype=float)))
    if not len(there):
        return [(int(updates.iloc[-1]) if len(updates) else 0, math.nan)]
    kept = there[np.unique(np.linspace(0, len(there) - 1, min(CURVE_POINTS, len(there))).round().astype(int))]
    return [(int(updates.iloc[i]), float(values.iloc[i])) for i in kept]


def _finite(value: float | None) -> float:
    return float(value) if value is not None and math.isfinite(value) else math.nan


def _seconds(output: Output, phase: str) -> float:
    return float(output.manifest["times"].get(phase, math.nan))
