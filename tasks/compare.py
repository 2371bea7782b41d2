"""Two studies, or two models of one: what each layer tells in both, and each unit's scores side by side."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from iin_core.errors import nearest
from tasks.errors import StudyError
from tasks.experiments.sealing import read_found
from tasks.output import Output, Root
from tasks.report.facts import ALL, IIN, LAYER, read_csv, records
from tasks.results import read_scores
from tasks.study_record import ExperimentRecord, StudyRecord, UnitRecord, read_record

SCORES = ("score/joint_reader", "score/joint_head", "score/leak_worst", "score/mig", "score/nll_per_dim")
"""What is compared of units."""
_KEYS = {
    "read": ("model", "layer", "concept"),
    "score": ("model", "layer", "concepts", "budget", "score"),
    "experiment": ("experiment", "model", "layer", "concepts", "score"),
}
_BESIDE = ("low", "high")


@dataclass(frozen=True)
class Side:
    """A study, or one model of it.

    Args:
        record: of the study.
        model: the model; None takes all.
    """

    record: StudyRecord
    model: str | None

    @property
    def title(self) -> str:
        """As a person names it: `study` or `study:model`."""
        return self.record.name if self.model is None else f"{self.record.name}:{self.model}"

    @property
    def units(self) -> list[UnitRecord]:
        """Its units."""
        return [unit for unit in self.record.units if self.model in (None, unit.model)]

    @property
    def experiments(self) -> list[ExperimentRecord]:
        """Its experiments; of one model those of the whole study are left out."""
        return [entry for entry in self.record.experiments if self.model in (None, entry.model)]


@dataclass(frozen=True)
class Comparison:
    """What two sides have in common, and how far they lie apart.

    Args:
        sides: A and B.
        read: model, layer, concept, `a`, `b` with their `_low` and `_high`, chance; difference B − A with its
            interval, and whether that leaves 0 out (`apart`).
        scores: model, layer, concepts, budget, score, the same numbers, and the seeds behind `a` and `b`.
        experiments: experiment, model, layer, concepts, score, the same numbers and seeds.
        (`model` is there only where models count by their names.)
        alone: for each side what the other has not.
        settings: lines of both study files that differ, as `diff` writes them; empty within one study.
    """

    sides: tuple[Side, Side]
    read: pd.DataFrame
    scores: pd.DataFrame
    experiments: pd.DataFrame
    alone: tuple[Sequence[str], Sequence[str]]
    settings: Sequence[str]


def open_side(root: Root, text: str) -> Side:
    """A side from what a person wrote: `study`, or `study:model`.

    Raises:
        StudyError: no such study or model here; the nearest names are shown.
    """
    study, _, model = text.partition(":")
    record = read_record(root, study)
    models = list(dict.fromkeys(layer.model for layer in record.layers))
    if model and model not in models:
        raise StudyError(
            f"Study {study!r} has no model {model!r}.",
            where=text,
            fix=f"name one of: {nearest(model, models)}",
        )
    return Side(record, model or None)


def compare(root: Root, a: Side, b: Side) -> Comparison:
    """Set side by side what is evaluated of both, and what experiments found of both.

    Models count as one where a side names its model, else by their names. Numbers of several seeds are
    means. The interval of a difference takes both sides' errors for independent: where both were read
    of the same sources it is too wide rather than too narrow.

    Raises:
        DamagedOutput: an evaluation is no longer whole.
    """
    sides, by_model = (a, b), a.model is None and b.model is None
    read, scores, experiments = (
        _joined([pd.DataFrame(list(rows(root, side))) for side in sides], name, by_model)
        for name, rows in (("read", _read), ("score", _scores), ("experiment", _experiments))
    )
    units = [
        {_label(unit, by_model) for unit in side.units}
        | {f"experiment {entry.experiment}" for entry in side.experiments}
        for side in sides
    ]
    alone = (sorted(units[0] - units[1]), sorted(units[1] - units[0]))
    lines = [] if a.record.name == b.record.name else _settings(a, b)
    return Comparison(sides, read, scores, experiments, alone, lines)


def _label(unit: UnitRecord, by_model: bool) -> str:
    parts = [*([unit.model] if by_model else []), unit.layer, unit.concepts, f"seed {unit.seed}"]
    return " · ".join(parts)


def _evaluated(root: Root, side: Side) -> Iterator[tuple[UnitRecord, Output]]:
    for unit in side.units:
        if (root.folder("evaluations", unit.evaluate) / "manifest.json").exists():
            yield unit, root.open("evaluations", unit.evaluate)


def _read(root: Root, side: Side) -> Iterator[dict[str, Any]]:
    """What probes read of whole layers: of each its first evaluated unit tells."""
    seen = set()
    for unit, output in _evaluated(root, side):
        if (unit.model, unit.layer) in seen:
            continue
        table = read_csv(output, "leakage.csv", ())
        whole = table[(table["block"] == ALL) & table["method"].isin([LAYER, IIN])]
        whole = whole[whole["method"] == (LAYER if LAYER in set(whole["method"]) else IIN)]
        whole = whole[whole["probe"] == ("mlp" if "mlp" in set(whole["probe"]) else "linear")]
        for row in records(whole):
            seen.add((unit.model, unit.layer))
            numbers = {"value": row["accuracy"], "low": row["low"], "high": row["high"]}
            names = {"model": unit.model, "layer": unit.layer, "index": unit.index}
            yield {**names, "concept": row["concept"], "chance": row["chance"], **numbers}


def _scores(root: Root, side: Side) -> Iterator[dict[str, Any]]:
    """Headline scores, one row a unit and score; the mean over seeds is taken later."""
    for unit, output in _evaluated(root, side):
        found = read_scores(output)
        for key in SCORES:
            if (value := found.get(key)) is not None:
                names: Mapping[str, Any] = {"model": unit.model, "layer": unit.layer, "index": unit.index}
                ends = {end: found.get(f"{key}_{end}") for end in _BESIDE}
                yield {
                    **names,
                    "concepts": unit.concepts,
                    "budget": unit.budget,
                    "score": key,
                    "value": value,
                    **ends,
                }


def _experiments(root: Root, side: Side) -> Iterator[dict[str, Any]]:
    """Every score of every sealed experiment."""
    for entry in side.experiments:
        if not (root.folder("experiments", entry.key) / "manifest.json").exists():
            continue
        found = read_found(root.open("experiments", entry.key))
        names = {name: getattr(entry, name) for name in ("experiment", "model", "layer", "concepts", "index")}
        for key in found.numbers:
            if (value := found.scores[key]) is not None:
                beside = found.beside(key)
                yield {**names, "score": key, "value": value, **{end: beside[end] for end in _BESIDE}}


def _joined(tables: Sequence[pd.DataFrame], name: str, by_model: bool) -> pd.DataFrame:
    """Rows of both tables with the same names, and their differences."""
    keys = [key for key in _KEYS[name] if by_model or key != "model"]
    extra = ["chance"] if name == "read" else []
    numbers = ["value", *_BESIDE]
    columns = ["index", *keys, *extra]
    parts = []
    for table, side in zip(tables, ("a", "b"), strict=True):
        full = table.reindex(columns=[*columns, *numbers]).astype(dict.fromkeys(numbers, float))
        grouped = full.groupby(keys, sort=False)
        means = grouped.agg(
            **{column: (column, "first") for column in ["index", *extra]},
            **{column: (column, "mean") for column in numbers},
            n=("value", "size"),
        ).reset_index()
        names = {"value": side, "n": f"{side}_seeds", **{end: f"{side}_{end}" for end in _BESIDE}}
        parts.append(means.rename(columns=names))
    right = parts[1].drop(columns=["index", *extra])
    both = parts[0].merge(right, on=keys).sort_values("index", kind="stable").drop(columns="index")
    halves = [(both[f"{side}_high"] - both[f"{side}_low"]) / 2 for side in ("a", "b")]
    both["difference"] = both["b"] - both["a"]
    half = (halves[0] ** 2 + halves[1] ** 2) ** 0.5
    both["low"], both["high"] = both["difference"] - half, both["difference"] + half
    both["apart"] = (both["low"] > 0) | (both["high"] < 0)
    return both.drop(columns=["a_seeds", "b_seeds"] if name == "read" else []).reset_index(drop=True)


def _settings(a: Side, b: Side) -> list[str]:
    first, second = (side.record.text.splitlines() for side in (a, b))
    return list(difflib.unified_diff(first, second, a.title, b.title, n=2, lineterm=""))
