"""The study: what a study file may say. Reading the file is `tasks.study_file`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue, model_validator

from iin_core.blocks import RESIDUAL
from iin_core.spec import EvaluationSpec, FlowSpec, PairSpec, ReadingSpec, Spec, TrainingSpec
from tasks.experiments.spec import ExperimentsSpec

RESERVED = {
    RESIDUAL: "the residual block",
    "all": "the whole code in tables",
    "mean": "the mean over factors",
}
"""Names that tables use themselves → what they mean there."""
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f/\\]+$")]
"""A name that a person gives: any printable characters but slashes."""


def _each_once(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"each seed is named once, not as in {list(seeds)}")
    return seeds


Seeds = Annotated[
    tuple[Annotated[int, Field(ge=0, lt=2**31)], ...], Field(min_length=1), AfterValidator(_each_once)
]
Share = Annotated[float, Field(gt=0, lt=1)]
Estimator = Literal["softmax", "rank", "explicit"]
"""How the dimensions of each block are estimated; see `iin_core.dimensions`."""


class SourceSpec(Spec):
    """Where a model, a reader or a data set comes from; exactly one field besides `arguments`."""

    builtin: str | None = None
    import_: Annotated[str | None, Field(alias="import", pattern=r"^[\w.]+:[\w.]+$")] = None
    """`package.module:factory`, called with `arguments`."""
    arguments: dict[str, JsonValue] = {}
    checkpoint: str | None = None
    """A safetensors or `weights_only` file whose tensors are loaded into the model."""

    @model_validator(mode="after")
    def _exactly_one(self) -> SourceSpec:
        if (self.builtin is None) == (self.import_ is None):
            raise ValueError("a source is exactly one of builtin, import")
        return self


class LayerSpec(Spec):
    """One entry of `layers:`: how the activations of the modules that it matches become rows."""

    reading: ReadingSpec = ReadingSpec(flatten=True)


class HeadSpec(Spec):
    """What the model's own output says about a concept."""

    concept: Name
    output: str | int | None = None
    """The key of the logits where the model returns a mapping, their place in a tuple."""
    classes: tuple[str | int | float | bool, ...] | None = None
    """The label behind each logit; the sorted labels of the concept when left out."""


class ReaderSpec(Spec):
    """What reads concepts from what the model returns: a network on decoded images, or linear probes."""

    source: SourceSpec | None = None
    """Of an independent network."""
    fit: dict[str, JsonValue] | None = None
    probe: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    """Label concepts: a linear probe of the model's output for each, fitted on the training rows."""
    output: str | int | None = None
    """The part that probes read where the model returns a mapping (its key) or a tuple (its place)."""

    @model_validator(mode="after")
    def _one_kind(self) -> ReaderSpec:
        if (self.source is None) == (self.probe is None):
            raise ValueError("a reader is either a source (builtin, import) or `probe`, with its concepts")
        if self.source is None and self.fit is not None:
            raise ValueError("`fit` is of a source; probes are fitted without settings")
        if self.probe is None and self.output is not None:
            raise ValueError("`output` is of `probe`; a network is given all that the model returns")
        return self


class ModelSpec(Spec):
    """A network under study: f = G∘E at each of its layers."""

    source: SourceSpec
    layers: Annotated[dict[str, LayerSpec], Field(min_length=1)]
    """Module name or glob → reading."""
    head: tuple[HeadSpec, ...] = ()
    decoder: Literal["output"] | None = None
    """`output`: what the model returns is an example in the space of the data (an image)."""
    reader: ReaderSpec | None = None
    fit: dict[str, JsonValue] | None = None
    """For sources that declare how they are fitted: the settings of that fit."""

    @property
    def reader_source(self) -> SourceSpec | None:
        """Of the independent network that reads what is decoded, if there is one."""
        return None if self.reader is None else self.reader.source

    @property
    def probes(self) -> tuple[str, ...]:
        """The concepts that linear probes read of the output."""
        return () if self.reader is None else self.reader.probe or ()


class SplitSpec(Spec):
    """Shares of the *source* examples; every row of a source lies on one side."""

    train: Share = 0.60
    validation: Share = 0.15
    heldout: Share = 0.25
    seed: int = 0
    column: str | None = None
    """A column of the data that holds train, validation or heldout already."""

    @model_validator(mode="after")
    def _sums_to_one(self) -> SplitSpec:
        total = self.train + self.validation + self.heldout
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train + validation + heldout is {total:g}, not 1")
        return self


class DataSpec(Spec):
    """The examples and their concept columns."""

    source: SourceSpec
    split: SplitSpec = SplitSpec()

    @model_validator(mode="after")
    def _no_checkpoint(self) -> DataSpec:
        if self.source.checkpoint is not None:
            raise ValueError("a checkpoint is for models; data takes its files as `arguments`")
        return self


class ConceptSetSpec(Spec):
    """The factors of one IIN: concept → how its pairs are drawn. Empty: unsupervised."""

    factors: dict[Name, PairSpec] = {}

    @model_validator(mode="after")
    def _no_reserved_name(self) -> ConceptSetSpec:
        for name in RESERVED.keys() & self.factors.keys():
            raise ValueError(f"{name!r} is the name of {RESERVED[name]}, not of a concept")
        return self


class OverrideSpec(Spec):
    """Settings for the units that all the given globs match; later entries win."""

    model: str = "*"
    layer: str = "*"
    concepts: str = "*"
    seeds: Seeds | None = None
    training: dict[str, JsonValue] = {}
    flow: dict[str, JsonValue] = {}
    evaluation: dict[str, JsonValue] = {}
    dimensions: dict[Name, Annotated[int, Field(ge=1)]] | None = None
    """By hand: concept → dimensions of its block."""
    estimator: Estimator | None = None
    """What `dimensions: rank` stands for in a file."""
    headline: bool = False
    """Headline units are shown first, and their models are logged to MLflow."""

    @model_validator(mode="after")
    def _is_sensible(self) -> OverrideSpec:
        if RESIDUAL in (self.dimensions or {}):
            raise ValueError(f"give the dimensions of concepts only; {RESIDUAL!r} gets what they leave")
        return self


class ResourceSpec(Spec):
    """What the workers of one step may take."""

    cpus: Annotated[float, Field(gt=0)] = 1.0
    gpus: Annotated[float, Field(ge=0)] = 0.0
    memory_gib: Annotated[float | None, Field(gt=0)] = None


class ResourcesSpec(Spec):
    """Resources by step, and how long to wait for a node that has them."""

    prepare: ResourceSpec = ResourceSpec()
    extract: ResourceSpec = ResourceSpec()
    train: ResourceSpec = ResourceSpec()
    evaluate: ResourceSpec = ResourceSpec()
    experiments: ResourceSpec = ResourceSpec()
    batch: Annotated[int, Field(ge=1)] = 256
    """Examples in one forward pass."""
    checkpoint: Annotated[float, Field(ge=0)] = 60.0
    """Seconds between two checkpoints of IINs in training, at least."""
    wait: Annotated[float, Field(gt=0)] = 600.0
    """Seconds."""
    time_limit: Annotated[float | None, Field(gt=0)] = None
    """Seconds for each step."""


class TrackingSpec(Spec):
    """What MLflow gets."""

    uri: str | None = None
    experiment: str | None = None
    models: Literal["headline", "all", "none"] = "headline"


class GateSpec(Spec):
    """A bar: a score of the matching units that must be reached, else the run ends with 1."""

    score: str
    at_least: float | None = None
    at_most: float | None = None
    model: str = "*"
    layer: str = "*"
    concepts: str = "*"

    @model_validator(mode="after")
    def _has_a_bar(self) -> GateSpec:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a gate needs at_least or at_most")
        return self


class Study(Spec):
    """A whole study file."""

    iin: Literal[1]
    """The version of the study format."""
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$")]
    description: str = ""
    data: DataSpec
    models: Annotated[dict[Name, ModelSpec], Field(min_length=1)]
    concepts: Annotated[dict[Name, ConceptSetSpec], Field(min_length=1)]
    dimensions: Estimator = "softmax"
    flow: FlowSpec = FlowSpec()
    training: TrainingSpec = TrainingSpec()
    seeds: Seeds = (0,)
    overrides: tuple[OverrideSpec, ...] = ()
    evaluation: EvaluationSpec = EvaluationSpec()
    experiments: ExperimentsSpec = ExperimentsSpec()
    """What is done beside the evaluations, see `tasks.experiments`."""
    resources: ResourcesSpec = ResourcesSpec()
    tracking: TrackingSpec = TrackingSpec()
    gates: tuple[GateSpec, ...] = ()
