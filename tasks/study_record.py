"""What a root knows of a study: `<root>/studies/<name>.json`, written when a run begins and when it fails.

Keys alone do not say what they belong to. From this record notebooks, `iin status` and `iin gc` find
a study's outputs without its file, its data or its code (docs/formats.md holds the schema).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from upath import UPath

from iin_core.errors import nearest
from tasks.errors import DamagedOutput, EnvironmentProblem, StudyError
from tasks.storage import readable_errors, replace

if TYPE_CHECKING:
    from tasks.output import Root
    from tasks.plan import LayerPlan, Plan, Unit
    from tasks.planned import PlannedExperiment

FORMAT = 1


class StepRecord(NamedTuple):
    """A step of a study: what `Root.open(kind, key)` takes, and how a person calls it."""

    kind: str
    key: str
    label: str


@dataclass(frozen=True)
class LayerRecord:
    """A layer of a study and the key of its activations."""

    model: str
    layer: str
    index: int
    reading: str
    n: int
    shape: tuple[int, ...]
    lossless: bool
    activations: str


@dataclass(frozen=True)
class UnitRecord:
    """A unit of a study and the keys of its outputs."""

    name: str
    model: str
    layer: str
    index: int
    concepts: str
    factors: tuple[str, ...]
    seed: int
    budget: str
    headline: bool
    dimensions: str
    train: str
    evaluate: str


@dataclass(frozen=True)
class ExperimentRecord:
    """An experiment of a study on one unit, layer, model or on itself, and the key of its output.

    What it is not of is empty; `index` is then 0 and `seed` None.
    """

    experiment: str
    label: str
    model: str
    layer: str
    index: int
    concepts: str
    seed: int | None
    key: str


@dataclass(frozen=True)
class StudyRecord:
    """The study as it was last run in a root."""

    name: str
    description: str
    text: str
    """The study file as it was read."""
    rows: str
    report: str
    keys: tuple[StepRecord, ...]
    """Every step, in an order in which they can be done."""
    layers: tuple[LayerRecord, ...]
    units: tuple[UnitRecord, ...]
    experiments: tuple[ExperimentRecord, ...] = ()
    failures: tuple[str, ...] = ()
    """Why the last run did not come to its end; empty while it goes, and where it did."""


def record_of(plan: Plan, failures: Sequence[str] = ()) -> StudyRecord:
    """What is to be written down of a plan, and of what kept it from its end."""
    return StudyRecord(
        name=plan.study.name,
        description=plan.study.description,
        text=plan.text,
        rows=plan.rows.key,
        report=plan.report.key,
        keys=tuple(StepRecord(step.kind, step.key, step.label) for step in plan.steps()),
        layers=tuple(_layer(layer) for model in plan.models for layer in model.layers),
        units=tuple(unit_record(unit) for unit in plan.units),
        experiments=tuple(experiment_record(planned) for planned in plan.experiments),
        failures=tuple(failures),
    )


def write_record(plan: Plan, root: Root, failures: Sequence[str] = ()) -> UPath:
    """Write `<root>/studies/<name>.json`, in one piece, over that of an earlier run.

    Raises:
        EnvironmentProblem: no space left, or no right to write.
    """
    record = record_of(plan, failures)
    path = _path(root, record.name)
    data = {"format": FORMAT, **_as_json(record)}
    with readable_errors(f"the record of study {record.name}", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, json.dumps(data, indent=1, allow_nan=False).encode())
    return path


def read_record(root: Root, name: str) -> StudyRecord:
    """Read the record of a study.

    Raises:
        StudyError: no study of this name was run here; the nearest names are shown.
        DamagedOutput: the record cannot be read.
        EnvironmentProblem: it was written by a newer version.
    """
    known = study_names(root)
    if name not in known:
        raise StudyError(
            f"No study {name!r} was run in this root.",
            where=root.url,
            fix=f"name one of: {nearest(name, known)}; or run it: `iin run STUDY`",
        )
    path = _path(root, name)
    try:
        data = json.loads(path.read_bytes())
        version = data.pop("format")
        record = None if version > FORMAT else _from_json(data)
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedOutput(
            f"The record of study {name!r} cannot be read.",
            where=str(path),
            fix="run the study again: the record is written anew",
        ) from error
    if record is None:
        raise EnvironmentProblem(
            f"The record of study {name!r} was written by a newer version of iin (format {version}).",
            where=str(path),
            fix="upgrade iin, or choose another root with --root or IIN_ROOT",
        )
    return record


def study_names(root: Root) -> list[str]:
    """The names of all studies that were run in a root."""
    folder = root.path / "studies"
    return sorted(path.stem for path in folder.glob("*.json")) if folder.is_dir() else []


def unit_record(unit: Unit) -> UnitRecord:
    """What is written down of a unit."""
    return UnitRecord(
        name=unit.name,
        model=unit.model,
        layer=unit.layer.layer,
        index=unit.layer.index,
        concepts=unit.concepts,
        factors=tuple(unit.factors),
        seed=unit.seed,
        budget=unit.budget,
        headline=unit.headline,
        dimensions=unit.dimensions.key,
        train=unit.train.key,
        evaluate=unit.evaluate.key,
    )


def experiment_record(planned: PlannedExperiment) -> ExperimentRecord:
    """What is written down of an experiment."""
    unit, layer, model = planned.unit, planned.layer, planned.model
    return ExperimentRecord(
        experiment=planned.name,
        label=planned.step.label,
        model=model.name if model else "",
        layer=layer.layer if layer else "",
        index=layer.index if layer else 0,
        concepts=unit.concepts if unit else "",
        seed=unit.seed if unit else None,
        key=planned.step.key,
    )


def _layer(layer: LayerPlan) -> LayerRecord:
    return LayerRecord(
        model=layer.model,
        layer=layer.layer,
        index=layer.index,
        reading=layer.reading.name,
        n=layer.n,
        shape=tuple(layer.shape),
        lossless=layer.lossless,
        activations=layer.extract.key,
    )


def _path(root: Root, name: str) -> UPath:
    return root.path / "studies" / f"{name}.json"


def _as_json(record: StudyRecord) -> dict[str, Any]:
    data = dict(vars(record))
    data["keys"] = [step._asdict() for step in record.keys]
    data["layers"] = [vars(layer) for layer in record.layers]
    data["units"] = [vars(unit) for unit in record.units]
    data["experiments"] = [vars(experiment) for experiment in record.experiments]
    return data


def _from_json(data: dict[str, Any]) -> StudyRecord:
    keys = tuple(StepRecord(**step) for step in data.pop("keys"))
    layers = tuple(LayerRecord(**{**layer, "shape": tuple(layer["shape"])}) for layer in data.pop("layers"))
    units = tuple(UnitRecord(**{**unit, "factors": tuple(unit["factors"])}) for unit in data.pop("units"))
    experiments = tuple(ExperimentRecord(**entry) for entry in data.pop("experiments", ()))
    failures = tuple(map(str, data.pop("failures", ())))
    return StudyRecord(
        keys=keys, layers=layers, units=units, experiments=experiments, failures=failures, **data
    )
