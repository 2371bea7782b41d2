"""What MLflow is told of experiments: those of a unit in its child run, all others in the parent."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.experiments.cost import times_of
from tasks.experiments.sealing import read_found
from tasks.local_copy import local_copy
from tasks.track.server import Metric
from tasks.track.unit import metrics, sealed_at
from tasks.tracked_names import key_parts, run_name

if TYPE_CHECKING:
    from tasks.output import Output, Root
    from tasks.planned import Plan, PlannedExperiment

SHOWN = "iin.experiments"
"""Tag of a run: a digest of the keys of the experiments that it shows."""
FOLDER = "experiments"
Sealed = list[tuple["PlannedExperiment", "Output"]]


def sealed_experiments(plan: Plan, root: Root) -> dict[str, Sealed]:
    """What is sealed, by the name of the unit that it is of; all that is of no unit under ""."""
    found: dict[str, Sealed] = {}
    for planned in plan.experiments:
        output = root.find(planned.step)
        if output is not None:
            found.setdefault(planned.unit.name if planned.unit else "", []).append((planned, output))
    return found


def shown_as(sealed: Sealed) -> str:
    """The value of `SHOWN` for these."""
    keys = sorted(output.key for _, output in sealed)
    return hashlib.sha256("".join(keys).encode()).hexdigest()[:16]


def experiment_metrics(plan: Plan, sealed: Sealed) -> list[Metric]:
    """Every score; of a layer under its model, by layer index; a score that does not apply is NaN."""
    found: list[Metric] = []
    for planned, output in sealed:
        scores = {_safe(key): value for key, value in read_found(output).scores.items()}
        start, step = _place(plan, planned)
        costs = {f"cost/{planned.name}_{key}": value for key, value in _costs(output).items()}
        numbers = {start + key: value for key, value in {**scores, **costs}.items()}
        found += metrics(numbers, sealed_at(output), step)
    return found


def _costs(output: Output) -> dict[str, float]:
    """Seconds that it took, and that had been expected."""
    took, told = times_of(output) or (None, None)
    costs = {"seconds": took, "predicted_seconds": told}
    return {name: seconds for name, seconds in costs.items() if seconds is not None}


def _place(plan: Plan, planned: PlannedExperiment) -> tuple[str, int]:
    if planned.unit is not None or planned.model is None:
        return "", 0
    model = key_parts(plan.study.models)[planned.model.name]
    if planned.layer is None:
        return f"models/{model}/", 0
    return f"layers/{model}/", planned.layer.index


def _safe(key: str) -> str:
    """A score's key, each part of it as MLflow takes it."""
    return "/".join(key_parts([part])[part] for part in key.split("/"))


def write_experiment_files(sealed: Sealed, folder: Path) -> None:
    """Copy what was found into a folder, `experiments/<name>/…`, those of layers and models apart."""
    for planned, output in sealed:
        target = folder / FOLDER / planned.name
        if planned.unit is None and planned.model is not None:
            which = planned.layer.title if planned.layer else planned.model.name
            target = target / run_name(which).replace("/", "-")
        with local_copy(output) as source:
            for name in output.files:
                copy = target / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes((source / name).read_bytes())
