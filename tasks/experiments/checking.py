"""What is wrong with the experiments of a study, as far as it can be known without compute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from iin_core.errors import IinError, nearest
from tasks.errors import StudyError
from tasks.experiments import EXPERIMENTS, resolved
from tasks.experiments.planning import GLOBS, LeftOut, chosen, left_out
from tasks.experiments.spec import ExperimentSpec
from tasks.planned import Plan
from tasks.study_file import LoadedStudy, each

_CHOOSE = "choose others with its `model`, `layer` and `concepts`, or take it out of `experiments`"
_WHAT = {"unit": "units", "layer": "layers", "model": "models", "study": "studies"}


def experiment_problems(loaded: LoadedStudy, plan: Plan) -> list[StudyError]:
    """What keeps an experiment from being done: globs, what it needs, its own settings.

    Args:
        loaded: the study.
        plan: its plan.
    """
    problems: list[StudyError] = []
    for name, spec in plan.study.experiments.asked().items():
        found = [*_unmatched(loaded, plan, name, spec)] or [*_none_can(loaded, plan, name, spec)]
        told = {_fault(problem) for problem in problems}
        own = found or _own(loaded, plan, name, spec)
        problems += [problem for problem in own if _fault(problem) not in told]
    return problems


def _fault(problem: StudyError) -> tuple[str, str]:
    """What is wrong with what: several experiments may meet the same fault of one model."""
    line, _, of = problem.where.partition("; ")
    return problem.what, of or line


def experiment_cautions(loaded: LoadedStudy, plan: Plan) -> list[StudyError]:
    """Which of the chosen units, layers or models go without an experiment, and why."""
    cautions = []
    for name, spec in plan.study.experiments.asked().items():
        out, n = left_out(plan, name, spec), len(chosen(plan, EXPERIMENTS[name], spec))
        if out and len(out) < n:
            what = f"Experiment {name!r} leaves out {len(out)} of {n} {_WHAT[EXPERIMENTS[name].scope]}"
            where = loaded.where("experiments", name)
            cautions.append(StudyError(f"{what}: {_reasons(out)}.", where=where))
    return cautions


def _reasons(out: Sequence[LeftOut]) -> str:
    """Each reason once, with the first of those that it holds for."""
    by_reason: dict[str, list[str]] = {}
    for entry in out:
        by_reason.setdefault(entry.why, []).append(entry.target)
    told = []
    for why, targets in by_reason.items():
        more = f" and {len(targets) - 2} more" if len(targets) > 2 else ""
        told.append(f"{why} ({', '.join(targets[:2])}{more})")
    return "; ".join(told)


def _unmatched(loaded: LoadedStudy, plan: Plan, name: str, spec: ExperimentSpec) -> Iterator[StudyError]:
    """Globs that choose nothing are misspelt ones."""
    if chosen(plan, EXPERIMENTS[name], spec):
        return
    layers = [layer for model in plan.models for layer in model.layers]
    inside = [layer.layer for layer in layers if fnmatchcase(layer.model, spec.model)]
    known = {
        "model": list(plan.study.models),
        "layer": list(dict.fromkeys(inside or [layer.layer for layer in layers])),
        "concepts": list(plan.study.concepts),
    }
    for field in GLOBS:
        glob = getattr(spec, field)
        if not any(fnmatchcase(entry, glob) for entry in known[field]):
            kind = "concept set" if field == "concepts" else field
            yield StudyError(
                f"Experiment {name!r} has nothing to work on: no {kind} is called {glob!r}.",
                where=loaded.where("experiments", name, field),
                fix=f"nearest: {nearest(glob, known[field])}",
            )
            return
    yield StudyError(
        f"Experiment {name!r} has nothing to work on: its globs match no unit together.",
        where=loaded.where("experiments", name),
        fix=_CHOOSE,
    )


def _none_can(loaded: LoadedStudy, plan: Plan, name: str, spec: ExperimentSpec) -> Iterator[StudyError]:
    out = left_out(plan, name, spec)
    if out and len(out) == len(chosen(plan, EXPERIMENTS[name], spec)):
        yield StudyError(
            f"Experiment {name!r} can be done on none of the chosen {_WHAT[EXPERIMENTS[name].scope]}: "
            f"{_reasons(out)}.",
            where=loaded.where("experiments", name),
            fix=_CHOOSE,
        )


def _own(loaded: LoadedStudy, plan: Plan, name: str, spec: ExperimentSpec) -> Iterator[StudyError]:
    """What the experiment itself refuses, as errors of the study at their place in its file."""
    problems, where = EXPERIMENTS[name].problems, loaded.where("experiments", name)
    for problem in resolved(problems)(plan, spec) if problems else ():
        if not isinstance(problem, IinError):
            yield StudyError(str(problem), where=where, fix=_CHOOSE)
            continue
        for part in each(problem):
            place = "; ".join(filter(None, (where, part.where)))
            yield StudyError(part.what, where=place, fix=part.fix or _CHOOSE)
