"""What a worker needs in order to do one experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from iin_core.spec import EvaluationSpec, PairSpec
from tasks.experiments import Experiment
from tasks.planned import ModelPlan, Plan, PlannedExperiment
from tasks.study import SourceSpec


@dataclass(frozen=True)
class ExperimentJob:
    """One experiment with what its context is made from.

    Args:
        experiment: which.
        planned: of what, and with which settings.
        folder: the study's.
        data: the source of the examples.
        rows_key: of the sealed row table.
        models: every model that it reads, its own first.
        probed: every concept of the study.
        measuring: seed and resamplings of the study's evaluations; baselines are left out.
        batch: examples in one forward pass.
        plan: the whole study, where the experiment is of it.
        expected: seconds that it is expected to take; None where nothing is known.
    """

    experiment: Experiment
    planned: PlannedExperiment
    folder: Path
    data: SourceSpec
    rows_key: str
    models: tuple[ModelPlan, ...]
    probed: Mapping[str, PairSpec]
    measuring: EvaluationSpec
    batch: int
    plan: Plan | None = None
    expected: float | None = None

    def model(self, name: str) -> ModelPlan:
        """One of the models that it reads."""
        return next(model for model in self.models if model.name == name)
