"""Gates: bars of the study file that scores must reach, else the run ends with exit code 1.

A score is one of a unit's evaluation, or of an experiment, on whatever this is done.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from iin_core.errors import nearest
from tasks.experiments.score_keys import experiment_of
from tasks.results import SCORE, read_reasons, read_scores

if TYPE_CHECKING:
    from tasks.output import Output, Root
    from tasks.plan import Plan, Unit
    from tasks.planned import PlannedExperiment
    from tasks.study import GateSpec


_Step = Literal["evaluate", "experiments"]


@dataclass(frozen=True)
class Verdict:
    """What one gate says of one unit, or of one experiment.

    Args:
        score: the score's key.
        unit: the unit's name, or what the experiment is called; what the gate asked for if nothing
            matched it.
        value: the score; None if there is none.
        bar: e.g. "at least 0.9".
        passed: whether the score is there and reaches the bar.
        reason: why there is no value, else empty.
        step: which makes the score.
    """

    score: str
    unit: str
    value: float | None
    bar: str
    passed: bool
    reason: str = ""
    step: _Step = "evaluate"

    def __str__(self) -> str:
        found = self.reason if self.value is None else f"{self.value:.4g}"
        return (
            f"gate {'passed' if self.passed else 'FAILED'}: {self.score} of {self.unit}: {found} ({self.bar})"
        )


def check_gates(plan: Plan, root: Root) -> list[Verdict]:
    """Hold every gate of the study against every unit, or experiment, that it matches.

    A score that is missing or not applicable has not reached any bar, and a gate that matches nothing
    guards nothing: both fail, with the reason.

    Raises:
        DamagedOutput: a sealed evaluation or experiment is no longer whole.
    """
    return [verdict for gate in plan.study.gates for verdict in _of_gate(gate, plan, root)]


def units_of(gate: GateSpec, plan: Plan) -> list[Unit]:
    """The units that a gate's globs choose."""
    return [unit for unit in plan.units if _matches(gate, unit)]


def experiments_of(gate: GateSpec, plan: Plan) -> list[PlannedExperiment]:
    """The experiments whose score a gate names, where its globs look for them."""
    name = experiment_of(gate.score)
    return [entry for entry in plan.experiments if entry.name == name and _is_of(gate, entry)]


def _of_gate(gate: GateSpec, plan: Plan, root: Root) -> list[Verdict]:
    if experiment_of(gate.score) is not None:
        found = [_of_experiment(gate, planned, root) for planned in experiments_of(gate, plan)]
        return found or [_failed(gate, _asked(gate), "no experiment matches", "experiments")]
    return [_of_unit(gate, unit, root) for unit in units_of(gate, plan)] or [
        _failed(gate, _asked(gate), "no unit matches")
    ]


def _of_unit(gate: GateSpec, unit: Unit, root: Root) -> Verdict:
    output = root.find(unit.evaluate)
    if output is None:
        return _failed(gate, unit.name, "the unit has not been evaluated")
    key = gate.score if gate.score in read_scores(output) else f"{SCORE}{gate.score}"
    return _of_output(gate, (key, unit.name), output, "evaluate")


def _of_experiment(gate: GateSpec, planned: PlannedExperiment, root: Root) -> Verdict:
    output = root.find(planned.step)
    if output is None:
        return _failed(gate, planned.step.label, "the experiment has not been done", "experiments")
    return _of_output(gate, (gate.score, planned.step.label), output, "experiments")


def _of_output(gate: GateSpec, named: tuple[str, str], output: Output, step: _Step) -> Verdict:
    key, target = named
    scores = read_scores(output)
    if key not in scores:
        nearest_ones = nearest(gate.score, list(scores))
        return _failed(gate, target, f"there is no such score; the nearest are {nearest_ones}", step)
    value = scores[key]
    if value is None:
        why = read_reasons(output).get(key, "no reason is given")
        return replace(_failed(gate, target, f"not applicable: {why}", step), score=key)
    return Verdict(key, target, value, _bar(gate), _reaches(gate, value), step=step)


def _failed(gate: GateSpec, target: str, reason: str, step: _Step = "evaluate") -> Verdict:
    return Verdict(gate.score, target, None, _bar(gate), False, reason, step)


def _asked(gate: GateSpec) -> str:
    return f"model {gate.model}, layer {gate.layer}, concepts {gate.concepts}"


def _is_of(gate: GateSpec, planned: PlannedExperiment) -> bool:
    """Whether the globs choose what an experiment is done on; one of the study is chosen by none but `*`."""
    names = (
        (gate.model, planned.model.name if planned.model else ""),
        (gate.layer, planned.layer.layer if planned.layer else ""),
        (gate.concepts, planned.unit.concepts if planned.unit else ""),
    )
    return all(fnmatchcase(name, glob) for glob, name in names)


def _matches(gate: GateSpec, unit: Unit) -> bool:
    return (
        fnmatchcase(unit.model, gate.model)
        and fnmatchcase(unit.layer.layer, gate.layer)
        and fnmatchcase(unit.concepts, gate.concepts)
    )


def _reaches(gate: GateSpec, value: float) -> bool:
    # Written so that NaN reaches no bar.
    above = gate.at_least is None or value >= gate.at_least
    below = gate.at_most is None or value <= gate.at_most
    return above and below


def _bar(gate: GateSpec) -> str:
    parts = []
    if gate.at_least is not None:
        parts.append(f"at least {gate.at_least:g}")
    if gate.at_most is not None:
        parts.append(f"at most {gate.at_most:g}")
    return " and ".join(parts)
