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

import pandas as pd

from tasks.results import SCORE, read_scores
from tasks.storage import is_local
from tasks.study_record import record_of
from tasks.track.server import Metric
from tasks.track.unit import metrics, sealed_at
from tasks.tracked_names import csv_text, key_parts, tag_value

if TYPE_CHECKING:
    from tasks.output import Output, Root
    from tasks.plan import Plan, Unit

PRIMARY_METRIC = "score/joint_reader"
READ_FROM_LAYER = ("layer", "all")
"""Method and block of leakage.csv under which the layer itself was probed."""
_CONCEPT_COLUMNS = ("concept", "accuracy", "chance", "model", "layer", "index", "sealed_at")


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


def study_metrics(plan: Plan, evaluated: Mapping[str, Output]) -> list[Metric]:
    """Scores by layer, and the means of the headline units.

    Only of what is evaluated for every seed: what has been said once stays true when the rest follows.

    Args:
        plan: the plan.
        evaluated: key → sealed evaluation, of the units that have one.
    """
    return [*_headline(plan, evaluated), *_by_layer(plan, evaluated), *_concepts_by_layer(plan, evaluated)]


def concepts_by_layer(plan: Plan, evaluated: Mapping[str, Output]) -> pd.DataFrame:
    """How well an MLP reads each concept from each layer itself.

    Columns: concept, accuracy, chance, model, layer, index, sealed_at (milliseconds).
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
                read = {"concept": str(row["concept"]), "accuracy": row["accuracy"], "chance": row["chance"]}
                rows.append({**read, **place, "sealed_at": sealed_at(output)})
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


def _headline(plan: Plan, evaluated: Mapping[str, Output]) -> list[Metric]:
    units = [unit for unit in plan.units if unit.headline] or list(plan.units)
    return [metric for metric in _means(units, evaluated) if metric.key.startswith(SCORE)]


def _by_layer(plan: Plan, evaluated: Mapping[str, Output]) -> Iterator[Metric]:
    models, sets = key_parts(plan.study.models), key_parts(plan.study.concepts)
    cells: dict[tuple[str, str, int], list[Unit]] = {}
    for unit in plan.units:
        cells.setdefault((unit.model, unit.concepts, unit.layer.index), []).append(unit)
    for (model, concepts, index), units in cells.items():
        for metric in _means(units, evaluated):
            name = metric.key.removeprefix(SCORE)
            key = f"layers/{models[model]}/{sets[concepts]}/{name}"
            if metric.key.startswith(SCORE) and not math.isnan(metric.value):
                yield Metric(key, metric.value, metric.timestamp, index)


def _concepts_by_layer(plan: Plan, evaluated: Mapping[str, Output]) -> Iterator[Metric]:
    table = concepts_by_layer(plan, evaluated)
    models, concepts = key_parts(plan.study.models), key_parts(table["concept"])
    for row in table.to_dict("records"):
        key = f"layers/{models[row['model']]}/concepts readable/{concepts[row['concept']]}"
        yield from metrics({key: row["accuracy"]}, row["sealed_at"], row["index"])


def _means(units: Sequence[Unit], evaluated: Mapping[str, Output]) -> list[Metric]:
    outputs = [evaluated[unit.evaluate.key] for unit in units if unit.evaluate.key in evaluated]
    if len(outputs) < len(units):
        return []
    means = pd.DataFrame([read_scores(output) for output in outputs]).astype("float64").mean()
    return metrics({str(name): value for name, value in means.items()}, max(map(sealed_at, outputs)))


def _leakage(output: Output) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(output.read("leakage.csv")))
