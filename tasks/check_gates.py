"""Gates that can never be met: on scores that nothing of the study has, or on ends of intervals not made."""

from __future__ import annotations

from collections.abc import Iterator

from iin_core.errors import nearest
from tasks.errors import StudyError
from tasks.evaluation.keys import SCORE_KEYS, companion
from tasks.experiments import EXPERIMENTS
from tasks.experiments.score_keys import can_be, end_of_interval, experiment_of, score_names
from tasks.gates import experiments_of, units_of
from tasks.planned import Plan
from tasks.study import GateSpec
from tasks.study_file import LoadedStudy

ENDS = ("low", "high")
JACKKNIFED = ("dependence/distance_correlation", "dependence/hsic")
"""Scores of units whose intervals come of leaving groups out, whatever `bootstrap` is."""
OVER_SEEDS = ("layers", "sampling")
"""Experiments whose intervals are spreads over seeds, whatever `bootstrap` is."""


def gate_problems(loaded: LoadedStudy) -> Iterator[StudyError]:
    """What the names of the scores show alone."""
    asked = loaded.study.experiments.asked()
    for i, gate in enumerate(loaded.study.gates):
        name = experiment_of(gate.score)
        where = loaded.where("gates", i, "score")
        if name is None and not {gate.score, f"score/{gate.score}"} & set(SCORE_KEYS):
            known = [*SCORE_KEYS, *(f"{name}/…" for name in asked)]
            yield StudyError(
                f"There is no score {gate.score!r}.",
                where=where,
                fix=f"nearest: {nearest(gate.score, sorted(known))}",
            )
        elif name is not None and name not in asked:
            yield StudyError(
                f"The score {gate.score!r} is of the experiment {name!r}, which the study does not ask for.",
                where=where,
                fix=f"add {name!r} to `experiments`, or take the gate out",
            )


def experiment_gate_problems(loaded: LoadedStudy, plan: Plan) -> Iterator[StudyError]:
    """Scores that an experiment of the study has nowhere, or not where the gate looks for them."""
    asked = plan.study.experiments.asked()
    for i, gate in enumerate(plan.study.gates):
        name = experiment_of(gate.score)
        if name not in asked:
            continue
        everywhere = [planned for planned in plan.experiments if planned.name == name]
        if not everywhere:
            continue  # the experiment itself is refused
        planned = experiments_of(gate, plan)
        names = score_names(plan, planned or everywhere)
        if not can_be(gate.score, names):
            yield StudyError(
                f"No {EXPERIMENTS[name].title.lower()!r} of this study has a score {gate.score!r}.",
                where=loaded.where("gates", i, "score"),
                fix=f"nearest: {nearest(gate.score, names)}",
            )
        elif not planned:
            yield StudyError(
                f"The experiment {name!r} is not done where this gate looks for {gate.score!r}.",
                where=loaded.where("gates", i),
                fix=_places(gate, everywhere[0].step.label),
            )


def interval_problems(loaded: LoadedStudy, plan: Plan) -> Iterator[StudyError]:
    """Gates on an end of an interval where `bootstrap: 0` makes none."""
    for i, gate in enumerate(plan.study.gates):
        score, without = _ends_without(gate, plan)
        if without:
            yield StudyError(
                f"The gate on {gate.score!r} can never be met: it is an end of an interval, and with "
                f"`bootstrap: 0` {without[0]!r} has none.",
                where=loaded.where("gates", i, "score"),
                fix=f"set `evaluation: bootstrap` (200 by default), or put the gate on {score!r} itself",
            )


def _ends_without(gate: GateSpec, plan: Plan) -> tuple[str, list[str]]:
    """The score whose interval a gate names an end of, and the units or experiments that make no interval."""
    if experiment_of(gate.score) is None:
        key = gate.score if gate.score in SCORE_KEYS else f"score/{gate.score}"
        beside = companion(key)
        if beside is None or beside[1] not in ENDS or beside[0] in JACKKNIFED:
            return "", []
        return beside[0], [unit.name for unit in units_of(gate, plan) if not unit.evaluation.bootstrap]
    found = [entry for entry in experiments_of(gate, plan) if entry.name not in OVER_SEEDS]
    score = end_of_interval(gate.score, score_names(plan, found))
    if score is None:
        return "", []
    measured = ((entry, entry.unit.evaluation if entry.unit else plan.study.evaluation) for entry in found)
    return score, [entry.step.label for entry, measuring in measured if not measuring.bootstrap]


def _places(gate: GateSpec, done: str) -> str:
    return f"change its `model`, `layer` or `concepts`; the experiment is done on {done!r}, for one"
