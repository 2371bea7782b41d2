"""`iin plan`: which steps are new, reused or stale, and which field of their spec made them so."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flows.checking import FLOAT, memory_here, processors_here
from flows.console import duration, size
from flows.experiment_times import expected_seconds, took_text
from flows.settings import STEP_OF_KIND
from tasks.errors import StudyError

if TYPE_CHECKING:
    from tasks.output import Root
    from tasks.plan import Plan, Unit
    from tasks.step import Step

NEW, REUSED, STALE = "new", "reused", "stale"


@dataclass(frozen=True)
class PlannedStep:
    """One line of the plan."""

    step: str
    label: str
    key: str
    state: str
    why: str
    n_bytes: int | None
    seconds: float | None = None
    estimated: bool = False

    def size_text(self) -> str:
        """Bytes on disk, where they are known beforehand."""
        return "" if self.n_bytes is None else size(self.n_bytes)

    def seconds_text(self) -> str:
        """Seconds of one core, where they are known beforehand."""
        if self.seconds is None:
            return ""
        return duration(self.seconds) + (", estimated" if self.estimated else "")


def steps_of(plan: Plan, root: Root | None) -> list[PlannedStep]:
    """Say of each step whether it is sealed, and if not, why it has to be done.

    Args:
        plan: of the study as it is written now.
        root: where its outputs may lie; None if there is no root yet.
    """
    before = _before(plan, root)
    sizes = {
        layer.extract.key: layer.rows_of(plan.n_rows) * layer.n * FLOAT
        for model in plan.models
        for layer in model.layers
    }
    changed: dict[str, str] = {}
    lines = []
    for step in plan.steps():
        name = STEP_OF_KIND[step.kind]
        state, why = _state(step, root, before, changed)
        if state != REUSED:
            changed[step.key] = f"{name} {step.label}"
        lines.append(PlannedStep(name, step.label, step.key, state, why, sizes.get(step.key)))
    undone = {line.key for line in lines if line.state != REUSED}
    told = expected_seconds(plan, root, undone)
    costs = {**_costs(plan, undone), **{key: seconds for key, (seconds, _) in told.items()}}
    estimates = {key for key, (_, estimated) in told.items() if estimated}
    return [
        replace(line, seconds=costs.get(line.key), estimated=line.key in estimates)
        for line in _with_what_they_took(plan, root, lines)
    ]


def _with_what_they_took(plan: Plan, root: Root | None, lines: list[PlannedStep]) -> Iterator[PlannedStep]:
    """Sealed experiments say how long they took, beside what had been expected of them."""
    steps = {planned.step.key: planned.step for planned in plan.experiments}
    for line in lines:
        output = root.find(steps[line.key]) if root is not None and line.key in steps else None
        yield line if output is None else replace(line, why=took_text(output))


def _costs(plan: Plan, keys: set[str]) -> dict[str, float]:
    """Step → seconds, of the evaluations with these keys; what is sealed costs nothing."""
    from tasks.evaluate_groups import evaluated_together
    from tasks.evaluation.cost import evaluation_cost

    units = [unit for unit in plan.units if unit.evaluate.key in keys]
    return {
        unit.evaluate.key: evaluation_cost(unit, plan.sizes, len(group)).seconds
        for group in evaluated_together(units, plan.sizes)
        for unit in group
    }


def _before(plan: Plan, root: Root | None) -> dict[tuple[str, str], str]:
    """(kind, label) → key of the steps of this study's last run."""
    from tasks.study_record import read_record, study_names

    if root is None or plan.study.name not in study_names(root):
        return {}
    record = read_record(root, plan.study.name)
    return {(step.kind, step.label): step.key for step in record.keys}


def _state(
    step: Step, root: Root | None, before: Mapping[tuple[str, str], str], changed: Mapping[str, str]
) -> tuple[str, str]:
    if root is not None and root.find(step) is not None:
        return REUSED, ""
    old = before.get((step.kind, step.label))
    if old is None:
        return NEW, "not done before"
    if old == step.key:
        return NEW, "planned by an earlier run that did not come to it"
    folder = root.folder(step.kind, old) if root else None
    if root is None or folder is None or not (folder / "manifest.json").exists():
        return STALE, "changed since the last run"
    reasons = list(_differences(root.open(step.kind, old).manifest["step"], step.identity()))
    return STALE, "; ".join(_named(reason, changed) for reason in reasons[:3]) or "changed since the last run"


def _named(reason: tuple[str, Any, Any], changed: Mapping[str, str]) -> str:
    path, old, new = reason
    if path.startswith("inputs."):
        return f"follows {changed.get(str(new), path.removeprefix('inputs.'))}"
    if path.startswith("fingerprints."):
        return f"{path.removeprefix('fingerprints.')} changed (its content)"
    return f"{path}: {_short(old)} → {_short(new)}"


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 40 else text[:39] + "…"


def _differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every field that differs between two identities, as (path, old, new)."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in dict.fromkeys([*old, *new]):
            where = f"{path}.{name}" if path else str(name)
            yield from _differences(old.get(name), new.get(name), where)
    elif old != new:
        yield path, old, new


def groups_to_train(plan: Plan, root: Root | None, keys: set[str]) -> list[list[Unit]]:
    """The groups in which this machine trains the units with these keys of their step.

    Units whose dimensions are not sealed yet are grouped as far as their dimensions are known to agree.
    """
    from tasks.train_groups import grouped

    resource = plan.study.resources.train
    n_workers = max(1, int(processors_here() / resource.cpus))
    memory = memory_here() / n_workers if resource.memory_gib is None else resource.memory_gib * 2**30
    units = [unit for unit in plan.units if unit.train.key in keys]
    return grouped(units, root, n_workers, memory, plan.n_rows)


def totals(plan: Plan, lines: list[PlannedStep], root: Root | None) -> dict[str, int]:
    """Counts, bytes and seconds of one core of what is to be done; memory is that of the largest group."""
    from tasks.train_memory import predicted_memory

    states = {state: sum(line.state == state for line in lines) for state in (NEW, STALE, REUSED)}
    undone = [line for line in lines if line.state != REUSED]
    groups = groups_to_train(plan, root, {line.key for line in undone})
    memory = {predicted_memory(group, plan.n_rows).total: len(group) for group in groups}
    largest = max(memory, default=0)
    return {
        **states,
        "units": len(plan.units),
        "units_to_train": sum(line.step == "train" for line in undone),
        "updates": sum(
            unit.training.updates for unit in plan.units if unit.train.key in {line.key for line in undone}
        ),
        "seconds_of_evaluation": round(sum(line.seconds or 0 for line in undone if line.step == "evaluate")),
        "seconds_of_experiments": math.ceil(
            sum(line.seconds or 0 for line in undone if line.step == "experiments")
        ),
        "experiments_estimated": sum(line.estimated for line in undone),
        "experiments_of_unknown_time": sum(
            line.step == "experiments" and line.seconds is None for line in undone
        ),
        "bytes_to_write": sum(line.n_bytes or 0 for line in undone),
        "bytes_of_memory": largest,
        "units_of_largest_group": memory.get(largest, 0),
    }


def find_study(root: Root, study: str) -> str:
    """The name of a recorded study, given as its name or as its file.

    Raises:
        StudyError: no study of that name has been run in this root.
    """
    from tasks.study_record import study_names

    names = study_names(root)
    if study in names:
        return study
    if study.endswith((".yaml", ".yml")):
        from tasks.study_file import load_study

        name = load_study(study).study.name
        if name in names:
            return name
        study = name
    raise StudyError(
        f"No study {study!r} has been run in this root.",
        where=root.url,
        fix=f"studies here: {', '.join(sorted(names)) or 'none'}; `iin run STUDY` makes one",
    )
