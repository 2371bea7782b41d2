"""What the scores of an experiment may be called, known before any compute."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from string import Formatter

from iin_core.blocks import RESIDUAL
from tasks.experiments import EXPERIMENTS
from tasks.experiments.sealing import COMPANIONS
from tasks.planned import Plan, PlannedExperiment

ANY = "any"
"""The field of a template that stands for a name which only the running model gives."""
_FIXED = {
    "reader": ("head", "reader"),
    "success": ("cause", "isolate", "joint"),
    "movement": ("kl", "tv", "class_std", "distance"),
    "space": ("activation", "code"),
    "compared": ("carried", "explained", "leak", "response", "dimensions"),
    "quality": ("fid", "precision", "recall"),
    "generator": ("reconstructions", "gaussian", "vae"),
    "read": ("z", "embedding", "v", "z_bar"),
    ANY: ("*",),
}


def experiment_of(score: str) -> str | None:
    """The experiment whose score this is by its first part; None where it is none's."""
    first = score.partition("/")[0]
    for name, experiment in EXPERIMENTS.items():
        if first in {template.partition("/")[0] for template in experiment.scores}:
            return name
    return None


def score_names(plan: Plan, planned: Sequence[PlannedExperiment]) -> list[str]:
    """All that scores of these experiments can be called, `*` for names that the running model gives."""
    found = (name for entry in planned for name in _expanded(plan, entry))
    return list(dict.fromkeys(found))


def can_be(score: str, names: Sequence[str]) -> bool:
    """Whether a score, or what stands beside one, has one of these names."""
    beside = "|".join(COMPANIONS)
    parts = (".+".join(map(re.escape, name.split("*"))) for name in names)
    return any(re.fullmatch(rf"{part}(_({beside}))?", score) for part in parts)


def end_of_interval(score: str, names: Sequence[str]) -> str | None:
    """The score whose interval has this one as an end; None for a score of its own, or of no such name."""
    stem, _, end = score.rpartition("_")
    return stem if end in ("low", "high") and score not in names and can_be(score, names) else None


def _expanded(plan: Plan, planned: PlannedExperiment) -> Iterator[str]:
    factors = planned.unit.factors if planned.unit is not None else plan.probed
    values: Mapping[str, Sequence[str]] = {
        **_FIXED,
        "factor": (RESIDUAL, *factors, "all"),
        "concept": tuple(plan.probed),
    }
    for template in EXPERIMENTS[planned.name].scores:
        parts = [(text, field) for text, field, *_ in Formatter().parse(template)]
        choices = [values[field] if field else ("",) for _, field in parts]
        for chosen in product(*choices):
            yield "".join(text + value for (text, _), value in zip(parts, chosen, strict=True))
