"""What `run` of an experiment is given: the unit, layer, model or study with all that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.evaluate_job import Job
from tasks.evaluation.material import Material
from tasks.evaluation.network import Network
from tasks.experiments.spec import ExperimentSpec
from tasks.layer_rows import LayerRows
from tasks.output import Output, Root
from tasks.planned import LayerPlan, ModelPlan, Plan, Unit
from tasks.sources.data import Data
from tasks.step import Step

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from iin_core.interpreter import Interpreter
    from tasks.experiments.opened import Opened


@dataclass(frozen=True)
class UnitContext:
    """One IIN, its layer and its model.

    Args:
        job: the unit's; `job.unit`, `job.model`, `job.probed`, and `job.spec`, whose `bootstrap` and `seed`
            are those of the unit's evaluation.
        network: the model at the unit's layer, its data, and all that reads its output.
        interpreter: the unit's.
        material: held-out rows and their concepts; ``material.methods["iin"]`` has the unit's codes.
        rows: of all splits, with `z` and `table`.
        spec: the experiment's settings.
        folder: an empty folder of this machine; figures are written here.
        opened: what else the experiment reads (`Experiment.reads`), opened when it is asked for.
    """

    job: Job
    network: Network
    interpreter: Interpreter
    material: Material
    rows: LayerRows
    spec: ExperimentSpec
    folder: Path
    opened: Opened

    @property
    def unit(self) -> Unit:
        """Which."""
        return self.job.unit


@dataclass(frozen=True)
class LayerContext:
    """One layer of one model, without any IIN.

    Args:
        plan_model, layer: which.
        network: the model at the layer, its data, and all that reads its output.
        rows: of all splits, with `z` and `table`.
        root: where outputs lie.
        spec, folder, opened: as of a unit.
    """

    plan_model: ModelPlan
    layer: LayerPlan
    network: Network
    rows: LayerRows
    root: Root
    spec: ExperimentSpec
    folder: Path
    opened: Opened

    @property
    def data(self) -> Data:
        """The examples."""
        return self.network.data


@dataclass(frozen=True)
class ModelContext:
    """One model.

    Args:
        plan_model: which.
        model: its network, in evaluation mode.
        data: the examples.
        table: their sources, splits and concepts.
        root: where outputs lie.
        spec, folder, opened: as of a unit.
    """

    plan_model: ModelPlan
    model: nn.Module
    data: Data
    table: pd.DataFrame
    root: Root
    spec: ExperimentSpec
    folder: Path
    opened: Opened


@dataclass(frozen=True)
class StudyContext:
    """The whole study.

    Args:
        plan: its plan.
        root: where outputs lie.
        reads: name → step, of what `Experiment.reads` named.
        spec, folder: as of a unit.
    """

    plan: Plan
    root: Root
    reads: Mapping[str, Step]
    spec: ExperimentSpec
    folder: Path

    def output(self, name: str) -> Output:
        """The sealed output of a step that it reads."""
        step = self.reads[name]
        return self.root.open(step.kind, step.key)
