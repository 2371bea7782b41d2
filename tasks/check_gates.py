"""Gates that name a score which no unit and no experiment of the study can have."""

from __future__ import annotations

from collections.abc import Iterator

from iin_core.errors import nearest
from tasks.errors import StudyError
from tasks.evaluation.keys import SCORE_KEYS
from tasks.experiments import EXPERIMENTS
from tasks.experiments.score_keys import can_be, experiment_of, score_names
from tasks.gates import experiments_of
from tasks.planned import Plan
from tasks.study import GateSpec
from tasks.study_file import LoadedStudy


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


def _places(gate: GateSpec, done: str) -> str:
    return f"change its `model`, `layer` or `concepts`; the experiment is done on {done!r}, for one"
