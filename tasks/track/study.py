"""What MLflow is told of a whole study: scores by layer, and the files of the parent run."""

from __future__ import annotations

import io
import json
import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tasks.evaluation.keys import companion
from tasks.results import SCORE
from tasks.seeds import SeedGroup, seed_groups
from tasks.storage import is_local
from tasks.study_record import record_of
from tasks.track.server import Metric
from tasks.track.unit import metrics, sealed_at
from tasks.tracked_names import csv_text, key_parts, tag_value

if TYPE_CHECKING:
    from tasks.output import Output, Root
    from tasks.planned import Plan, Unit

PRIMARY_METRIC = "score/joint_reader"
READ_FROM_LAYER = ("layer", "all")
"""Method and block of leakage.csv under which the layer itself was probed."""
_BESIDE = ("chance", "control", "low", "high")
_CONCEPT_COLUMNS = ("concept", "accuracy", *_BESIDE, "model", "layer", "index", "sealed_at")
SPREAD = "spread"
"""`<score>_spread`: half the range over seeds."""


def study_key(plan: Plan) -> str:
    """What identifies the study's content: the key of its report, which depends on every unit."""
    return plan.report.key


def study_tags(plan: Plan) -> dict[str, str]:
    """The tags of the parent run."""
    tags = {
        "iin.kind": "study",
        "iin.key": study_key(plan),
        "iin.study": plan.study.name,
        "iin.version": version("iin"),
        "mlflow.source.name": f"study {plan.study.name}",
    }
    return {name: tag_value(value) for name, value in tags.items()}


def experiment_tags(plan: Plan) -> dict[str, str]:
    """The note of the experiment's page, and by which metric MLflow orders its runs."""
    return {
        "mlflow.note.content": (
            "One parent run a study run, one child a unit (layer · concept set · seed). Open the parent "
            "for the note, the report and the scores by layer (metrics `layers/…`, step = layer index); "
            "compare children by `score/…`, filter them by the tags `iin.layer`, `iin.concepts`, "
            "`iin.seed`, `iin.budget`. NaN means not applicable: the child's note says why."
        ),
        "mlflow.experiment.primaryMetric.name": PRIMARY_METRIC,
        "mlflow.experiment.primaryMetric.greaterIsBetter": "true",
        # The kind that MLflow's pages call model training, not GenAI.
        "mlflow.experimentKind": "custom_model_development",
        "iin.study": plan.study.name,
    }


def study_metrics(plan: Plan, root: Root, evaluated: Mapping[str, Output]) -> list[Metric]:
    """Scores by layer with their spread over seeds, and the means of the headline units.

    Only of what is evaluated for every seed: what has been said once stays true when the rest follows.

    Args:
        plan: the plan.
        root: where its row table lies.
        evaluated: key → sealed evaluation, of the units that have one.
    """
    groups = [group for group in seed_groups(plan, root, evaluated) if group.n_evaluated == len(group.units)]
    return [
        *_headline(plan, groups, evaluated),
        *_by_layer(plan, groups, evaluated),
        *_concepts_by_layer(plan, evaluated),
    ]


def concepts_by_layer(plan: Plan, evaluated: Mapping[str, Output]) -> pd.DataFrame:
    """How well an MLP reads each concept from each layer itself.

    Columns: concept, accuracy, chance, control, low, high, model, layer, index, sealed_at (milliseconds).
    """
    rows: list[dict[str, Any]] = []
    for model in plan.models:
        for layer in model.layers:
            units = [unit for unit in plan.units if unit.layer.extract.key == layer.extract.key]
            output = evaluated.get(units[0].evaluate.key) if units else None
            if output is None:
                continue
            table = _leakage(output)
            wanted = (table["method"] == READ_FROM_LAYER[0]) & (table["block"] == READ_FROM_LAYER[1])
            place = {"model": model.name, "layer": layer.layer, "index": layer.index}
            for row in table[wanted & (table["probe"] == "mlp")].to_dict("records"):
                read = {name: row[name] for name in _CONCEPT_COLUMNS if name in row}
                rows.append({**read, "concept": str(row["concept"]), **place, "sealed_at": sealed_at(output)})
    return pd.DataFrame(rows, columns=list(_CONCEPT_COLUMNS))


def write_files(plan: Plan, root: Root, scores: pd.DataFrame, folder: Path) -> None:
    """Put the parent run's files into a folder: study.yaml, plan.json, summary.csv, report.html."""
    (folder / "study.yaml").write_text(plan.text, encoding="utf-8")
    steps = [step._asdict() for step in record_of(plan).keys]
    (folder / "plan.json").write_text(json.dumps(steps, indent=1, ensure_ascii=False), encoding="utf-8")
    summary = scores.copy()
    for name in ("model", "layer", "concepts"):
        summary[name] = summary[name].map(csv_text)
    summary.to_csv(folder / "summary.csv", index=False)
    report = root.path / "reports" / f"{plan.study.name}.html"
    if not report.exists():
        return
    if is_local(report):
        shutil.copyfile(str(report), folder / "report.html")
    else:
        (folder / "report.html").write_bytes(report.read_bytes())


def _headline(plan: Plan, groups: Sequence[SeedGroup], evaluated: Mapping[str, Output]) -> list[Metric]:
    """Means over the headline units; their spread is the mean of that of each layer and set."""
    shown = [group for group in groups if group.unit.headline]
    if not any(unit.headline for unit in plan.units):
        shown = list(groups)
    wanted = {
        unit.evaluate.key for unit in plan.units if unit.headline or not any(u.headline for u in plan.units)
    }
    units = [unit for group in shown for unit in group.units]
    if not units or len(units) < len(wanted):
        return []
    table = pd.DataFrame([_averages(group) for group in shown], dtype="float64")
    sizes = np.array([[len(group.units)] for group in shown])
    means = (table * sizes).sum() / (table.notna() * sizes).sum().replace(0, np.nan)
    return metrics({str(name): value for name, value in means.items()}, _when(units, evaluated))


def _by_layer(plan: Plan, groups: Sequence[SeedGroup], evaluated: Mapping[str, Output]) -> Iterator[Metric]:
    models, sets = key_parts(plan.study.models), key_parts(plan.study.concepts)
    for group in groups:
        unit = group.unit
        start, when = f"layers/{models[unit.model]}/{sets[unit.concepts]}", _when(group.units, evaluated)
        values = {name.removeprefix(SCORE): value for name, value in _averages(group).items()}
        values |= _agreement(group)
        for name, value in values.items():
            if not math.isnan(value):
                yield Metric(f"{start}/{name}", value, when, unit.layer.index)


def _averages(group: SeedGroup) -> dict[str, float]:
    """Every `score/…` as its mean over seeds, and with several seeds its spread."""
    found = {}
    for key, spread in group.scores.items():
        if key.startswith(SCORE):
            found[key] = spread.mean
            if spread.n > 1 and companion(key) is None:
                found[f"{key}_{SPREAD}"] = spread.half
    return found


def _agreement(group: SeedGroup) -> dict[str, float]:
    """How well seeds agree on each block: linear CKA, its interval, and that with other blocks."""
    if group.stability is None:
        return {}
    names = key_parts(group.stability.blocks)
    found = {"agreement": group.stability.score}
    for block, score in group.stability.blocks.items():
        key = f"agreement/{names[block]}"
        beside = {f"{key}_{part}": getattr(score, part) for part in ("low", "high", "control")}
        found |= {key: score.value, **{name: v for name, v in beside.items() if v is not None}}
    return found


def _when(units: Sequence[Unit], evaluated: Mapping[str, Output]) -> int:
    return max(sealed_at(evaluated[unit.evaluate.key]) for unit in units)


def _concepts_by_layer(plan: Plan, evaluated: Mapping[str, Output]) -> Iterator[Metric]:
    table = concepts_by_layer(plan, evaluated)
    models, concepts = key_parts(plan.study.models), key_parts(table["concept"])
    for row in table.to_dict("records"):
        key = f"layers/{models[row['model']]}/concepts readable/{concepts[row['concept']]}"
        beside = {f"{key}/{name}": row[name] for name in _BESIDE}
        yield from metrics({key: row["accuracy"], **beside}, row["sealed_at"], row["index"])


def _leakage(output: Output) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(output.read("leakage.csv")))
