"""Gates: bars of the study file that scores must reach, else the run ends with exit code 1."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from iin_core.errors import nearest
from tasks.results import SCORE, read_reasons, read_scores

if TYPE_CHECKING:
    from tasks.output import Root
    from tasks.plan import Plan, Unit
    from tasks.study import GateSpec


@dataclass(frozen=True)
class Verdict:
    """What one gate says of one unit.

    Args:
        score: the score's key.
        unit: the unit's name; what the gate asked for if nothing matched it.
        value: the score; None if there is none.
        bar: e.g. "at least 0.9".
        passed: whether the score is there and reaches the bar.
        reason: why there is no value, else empty.
    """

    score: str
    unit: str
    value: float | None
    bar: str
    passed: bool
    reason: str = ""

    def __str__(self) -> str:
        found = self.reason if self.value is None else f"{self.value:.4g}"
        return (
            f"gate {'passed' if self.passed else 'FAILED'}: {self.score} of {self.unit}: {found} ({self.bar})"
        )


def check_gates(plan: Plan, root: Root) -> list[Verdict]:
    """Hold every gate of the study against every unit that it matches.

    A score that is missing or not applicable has not reached any bar, and a gate that matches no unit
    guards nothing: both fail, with the reason.

    Raises:
        DamagedOutput: a sealed evaluation is no longer whole.
    """
    return [verdict for gate in plan.study.gates for verdict in _of_gate(gate, plan, root)]


def _of_gate(gate: GateSpec, plan: Plan, root: Root) -> list[Verdict]:
    units = [unit for unit in plan.units if _matches(gate, unit)]
    if not units:
        asked = f"model {gate.model}, layer {gate.layer}, concepts {gate.concepts}"
        return [Verdict(gate.score, asked, None, _bar(gate), False, "no unit matches")]
    return [_of_unit(gate, unit, root) for unit in units]


def _of_unit(gate: GateSpec, unit: Unit, root: Root) -> Verdict:
    output = root.find(unit.evaluate)
    if output is None:
        return Verdict(gate.score, unit.name, None, _bar(gate), False, "the unit has not been evaluated")
    scores = read_scores(output)
    key = gate.score if gate.score in scores else f"{SCORE}{gate.score}"
    if key not in scores:
        reason = f"there is no such score; the nearest are {nearest(gate.score, list(scores))}"
        return Verdict(gate.score, unit.name, None, _bar(gate), False, reason)
    value = scores[key]
    if value is None:
        why = read_reasons(output).get(key, "no reason is given")
        return Verdict(key, unit.name, None, _bar(gate), False, f"not applicable: {why}")
    return Verdict(key, unit.name, value, _bar(gate), _reaches(gate, value))


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
