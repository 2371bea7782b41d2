"""What a plan is made of: layers, models, units, and the steps of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from iin_core.spec import EvaluationSpec, FlowSpec, PairSpec, ReadingSpec, TrainingSpec
from tasks.data_sizes import DataSizes
from tasks.experiments.spec import ExperimentSpec
from tasks.step import Step
from tasks.study import Estimator, ModelSpec, Study


@dataclass(frozen=True)
class LayerPlan:
    """One layer of one model.

    Args:
        model, layer: names.
        index: place among all layers of the study, from 1, in the order in which the models call them.
        reading: how its activation becomes rows.
        n: N, features of a row.
        n_flow: the width of the flow: N, or fewer behind a front.
        shape: of the activation, without the batch axis.
        lossless: whether the rows determine the activation.
        extract: the step that makes its activations.
        n_rows: of its activations, where a reading gives several an example; None: those of the data.
        n_calls: how often a forward pass calls the module.
    """

    model: str
    layer: str
    index: int
    reading: ReadingSpec
    n: int
    n_flow: int
    shape: tuple[int, ...]
    lossless: bool
    extract: Step
    n_rows: int | None = None
    n_calls: int = 1

    def rows_of(self, n_examples: int) -> int:
        """Rows of its activations over data of so many examples."""
        return n_examples if self.n_rows is None else self.n_rows

    @property
    def title(self) -> str:
        """`03 conv3`; `03 net/conv3` where another model of the study has a layer of this name."""
        return self.extract.label


@dataclass(frozen=True)
class ModelPlan:
    """One model, the step that fits it and the one that fits its reader, where it is so."""

    name: str
    spec: ModelSpec
    prepare: Step | None
    reader_prepare: Step | None
    layers: tuple[LayerPlan, ...]


@dataclass(frozen=True)
class UnitSettings:
    """What one unit is, with the overrides applied.

    Args:
        layer, concepts, seed: which.
        flow, training, evaluation: how it is made and measured.
        dims: dimensions of each concept where the study gives them; the residual takes the rest.
        headline: shown first.
        budget: "full", or "short" for the rest of a study that has headline units.
        estimator: of the dimensions where the study does not give them.
    """

    layer: LayerPlan
    concepts: str
    seed: int
    flow: FlowSpec
    training: TrainingSpec
    evaluation: EvaluationSpec
    dims: Mapping[str, int] | None
    headline: bool
    budget: str
    estimator: Estimator = "softmax"


@dataclass(frozen=True)
class Unit:
    """One IIN to be trained.

    Args:
        settings: what it is; each of them is also an attribute of the unit.
        factors: concept → how its pairs are drawn; the column always filled in.
        dimensions, train, evaluate: its steps.
    """

    settings: UnitSettings
    factors: Mapping[str, PairSpec]
    dimensions: Step
    train: Step
    evaluate: Step

    @property
    def model(self) -> str:
        """The name of its model."""
        return self.settings.layer.model

    @property
    def layer(self) -> LayerPlan:
        """Its layer."""
        return self.settings.layer

    @property
    def concepts(self) -> str:
        """The name of its concept set."""
        return self.settings.concepts

    @property
    def seed(self) -> int:
        """Its seed."""
        return self.settings.seed

    @property
    def flow(self) -> FlowSpec:
        """Its network."""
        return self.settings.flow

    @property
    def training(self) -> TrainingSpec:
        """How it is trained."""
        return self.settings.training

    @property
    def evaluation(self) -> EvaluationSpec:
        """How it is measured."""
        return self.settings.evaluation

    @property
    def estimator(self) -> Estimator:
        """Of the dimensions, where they are not given."""
        return self.settings.estimator

    @property
    def dims(self) -> Mapping[str, int] | None:
        """Dimensions of each concept where the study gives them."""
        return self.settings.dims

    @property
    def headline(self) -> bool:
        """Whether it is shown first."""
        return self.settings.headline

    @property
    def budget(self) -> str:
        """ "full" or "short"."""
        return self.settings.budget

    @property
    def name(self) -> str:
        """As tables, logs and MLflow call it: `03 conv3 · digit+colour · seed 0`."""
        return f"{self.layer.title} · {self.concepts} · seed {self.seed}"


@dataclass(frozen=True)
class PlannedExperiment:
    """One experiment on one unit, layer, model, or on the whole study.

    Args:
        name: of the experiment.
        spec: its settings.
        step: its step.
        unit, layer, model: what it is of: all three of a unit, the last two of a layer, none of a study.
        reads: name → further unit, layer or step whose output it reads.
    """

    name: str
    spec: ExperimentSpec
    step: Step
    unit: Unit | None = None
    layer: LayerPlan | None = None
    model: ModelPlan | None = None
    reads: Mapping[str, LayerPlan | Unit | Step] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """A study as steps.

    Args:
        study, folder, text: the study, where its relative paths start, and its file as read.
        n_rows: rows of the data.
        probed: every concept of the study, each with its column: what is measured of every unit.
        rows, models, units, report: the steps, by what they belong to.
        sizes: rows and classes, from which costs are told.
        experiments: what the study asks for beside its evaluations.
    """

    study: Study
    folder: Path
    text: str
    n_rows: int
    probed: Mapping[str, PairSpec]
    rows: Step
    models: tuple[ModelPlan, ...]
    units: tuple[Unit, ...]
    report: Step
    sizes: DataSizes = field(default_factory=DataSizes)
    experiments: tuple[PlannedExperiment, ...] = ()

    def steps(self) -> list[Step]:
        """All steps in an order in which they can be done, each once."""
        steps = [self.rows]
        for model in self.models:
            steps += [step for step in (model.prepare, model.reader_prepare) if step is not None]
        steps += [layer.extract for model in self.models for layer in model.layers]
        steps += [unit.dimensions for unit in self.units]
        steps += [unit.train for unit in self.units]
        steps += [unit.evaluate for unit in self.units]
        steps += [experiment.step for experiment in self.experiments]
        return list({step.key: step for step in (*steps, self.report)}.values())

    def model(self, name: str) -> ModelPlan:
        """The model of that name."""
        return next(model for model in self.models if model.name == name)
