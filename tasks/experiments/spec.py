"""The settings of experiments, as a study file writes them; no torch here."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, JsonValue

from iin_core.conditional_spec import ConditionalFlowSpec
from iin_core.spec import ReadingSpec, Spec

DrawFrom = Literal["prior", "normal", "rows"]
Embedding = Literal["auto", "umap", "pca"]
_Values = TypeVar("_Values", bound=tuple[object, ...])


def _each_once(values: _Values) -> _Values:
    if len(set(values)) < len(values):
        raise ValueError("a value stands there twice")
    return values


EACH_ONCE = AfterValidator(_each_once)
_Value = TypeVar("_Value")
Several = Annotated[tuple[_Value, ...], Field(min_length=2), EACH_ONCE]


class ExperimentSpec(Spec):
    """What every experiment has: the globs that choose its units, layers or models."""

    model: str = "*"
    layer: str = "*"
    concepts: str = "*"
    """Of a unit: its concept set. Of no meaning where there is one output a layer or a model."""


class LayersSpec(ExperimentSpec):
    """Layers compared: one chart of all of them, over depth and over checkpoints."""


class WatchSpec(ExperimentSpec):
    """What is watched of the model's output, beside its heads and what reads it."""

    output: Annotated[str, Field(pattern=r"^[\w.]+:[\w.]+$")] | None = None
    """`package.module:function` of what the model returns; as it is when left out."""
    logits: Annotated[tuple[str | int, ...], EACH_ONCE] = ()
    """Its parts, by key or place, that are logits or probabilities; a single tensor is called `output`."""


class ResponseSpec(WatchSpec):
    """Network response: each factor drawn anew, and how far the model's output moves."""

    bases: Annotated[int, Field(ge=4, le=1_000_000)] = 256
    """Held-out rows; all of them where there are fewer."""
    draws: Annotated[int, Field(ge=2, le=100_000)] = 16
    """Of each factor for each base."""
    draw_from: Annotated[tuple[DrawFrom, ...], Field(min_length=1), EACH_ONCE] = ("prior", "rows")
    """The block's prior; N(0, I) as published; other held-out rows. The first one gives the scores."""


class CodeSpec(Spec):
    """A network by import path; the fields are those of a source."""

    import_: Annotated[str, Field(alias="import", pattern=r"^[\w.]+:[\w.]+$")]
    """`package.module:factory`, called with `arguments`."""
    arguments: dict[str, JsonValue] = {}
    checkpoint: str | None = None


class FeaturesSpec(CodeSpec):
    """The network in whose features images are compared; it takes images as the data give them."""

    layer: str | None = None
    """Whose output is taken; what enters the last linear layer when left out."""
    reading: ReadingSpec = ReadingSpec(flatten=True)


class GeneratorSpec(CodeSpec):
    """A generator with `fit`, as a model's, and `sample(n, generator)` → images."""

    fit: dict[str, JsonValue] = {}


class SamplingSpec(ExperimentSpec):
    """Sampling: the decoder with the IIN as a generator of images."""

    n: Annotated[int, Field(ge=2)] = 5000
    """Samples, and held-out images against them; all of these where there are fewer."""
    seeds: Annotated[int, Field(ge=1, le=20)] = 3
    k: Annotated[int, Field(ge=1, le=100)] = 3
    """Neighbours that precision and recall go by."""
    features: FeaturesSpec | None = None
    """Of the model's reader when left out."""
    vae: bool | GeneratorSpec = False
    """Whether a VAE is fitted beside it: one of the size of a built-in autoencoder, or one of yours."""
    shown: Annotated[int, Field(ge=1, le=200)] = 40
    """Images of each method in the figure."""


class SwapsSpec(ExperimentSpec):
    """Swap grids: each factor of a few donors put into a few bases, decoded."""

    bases: Annotated[int, Field(ge=1, le=40)] = 8
    """Images along the top."""
    donors: Annotated[int, Field(ge=1, le=40)] = 6
    """Images down the side."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the choice of images."""


Value = str | int | float | bool
Strength = Annotated[float, Field(ge=0, le=5)]
Quantile = Annotated[float, Field(gt=0, lt=1)]


class EditsSpec(ExperimentSpec):
    """Attribute edits: a concept moved towards a label or number, with rising strength."""

    to: dict[str, Annotated[tuple[Value, ...], Field(min_length=1), EACH_ONCE]] = {}
    """Concept → the labels or numbers that it is set to. When left out both labels of a concept of two,
    and the quantiles of a number; other concepts are not edited."""
    strengths: Several[Strength] = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
    """Of labels: 0 is the row's own class, 1 the one that is asked for."""
    quantiles: Several[Quantile] = (0.1, 0.3, 0.5, 0.7, 0.9)
    """Of a number over the training rows."""
    rows: Annotated[int, Field(ge=1)] = 200
    """Held-out rows edited towards each value; all where there are fewer."""
    shown: Annotated[int, Field(ge=1, le=40)] = 6
    """Lines of a film strip."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the choice of rows."""


class TransferSpec(ExperimentSpec):
    """Class transfer: the class block of another image, all else kept, for each pair of classes."""

    draw: Literal["image", "prior"] = "image"
    """Where the class comes from: another image's block, or a draw of the class's prior."""
    classes: Annotated[int, Field(ge=2, le=40)] = 10
    """At most so many of each concept, the most frequent ones."""
    pairs: Annotated[int, Field(ge=1)] = 1000
    """Transfers of each concept, as many of each pair of classes."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the choice of images and of the draws."""


class InvariancesSpec(ExperimentSpec):
    """Invariances: what each layer discards of an autoencoder's code.

    `concepts` chooses the concept set whose IIN on the code gives the concept space.
    """

    autoencoder: str | None = None
    """The model whose code z̄ layers are held against; the one with a decoder when left out."""
    code: str = "*"
    """Its layer, whose rows determine the activation."""
    updates: Annotated[int, Field(ge=1)] = 1000
    """Of the conditional flow of each layer."""
    noise: Annotated[float, Field(ge=0, le=10)] = 0.1
    """On z̄ in training, in units of each component's deviation."""
    flow: ConditionalFlowSpec = ConditionalFlowSpec()
    draws: Annotated[int, Field(ge=2, le=1000)] = 8
    """Codes drawn for each held-out row, which are read in the concept space."""
    shown: Annotated[int, Field(ge=1, le=40)] = 6
    """Inputs in the film strip."""
    strip: Annotated[int, Field(ge=1, le=20)] = 8
    """Samples of each in the film strip."""


class InvariancesOverDepthSpec(ExperimentSpec):
    """Invariances over depth: one chart a model of what its layers discard."""


class WalksSpec(ExperimentSpec):
    """Latent walks: steps inside one factor that keep its prior, on a map of the layer."""

    starts: Annotated[int, Field(ge=4, le=100_000)] = 48
    """Held-out rows that a walk begins with, each of its own source; fewer where there are fewer."""
    steps: Annotated[int, Field(ge=1, le=100_000)] = 40
    alpha: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Correlation of a step with the one before."""
    jump: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Of a labelled factor: the chance that a step goes on in a class drawn anew."""
    method: Literal["exact", "langevin"] = "exact"
    """Langevin steps are Metropolis-corrected."""
    embedding: Embedding = "auto"
    """UMAP where it is installed (`iin[umap]`), else principal components."""
    rows: Annotated[int, Field(ge=20, le=100_000)] = 1000
    """Held-out rows on the map."""
    shown: Annotated[int, Field(ge=1, le=8)] = 1
    """Walks on the map and in the film strip."""
    frames: Annotated[int, Field(ge=2, le=40)] = 10
    """Of the film strip."""
    seed: Annotated[int, Field(ge=0)] = 0


class EmbeddingsSpec(ExperimentSpec):
    """1-D embeddings of the factors against each other, and what each of them orders by."""

    embedding: Embedding = "auto"
    rows: Annotated[int, Field(ge=20, le=100_000)] = 1000
    """Held-out rows."""
    seed: Annotated[int, Field(ge=0)] = 0


class InterpolationSpec(ExperimentSpec):
    """Interpolation: straight lines in z̃ against straight lines in z, with the likelihood along them."""

    pairs: Annotated[int, Field(ge=4, le=100_000)] = 64
    """Of held-out rows that differ in every concept of the unit."""
    points: Annotated[int, Field(ge=3, le=1000)] = 9
    """Of each line, the ends included."""
    shown: Annotated[int, Field(ge=1, le=20)] = 3
    """Pairs in the film strip."""
    seed: Annotated[int, Field(ge=0)] = 0


class ExperimentsSpec(Spec):
    """`experiments:` of a study; what is None was not asked for."""

    swaps: SwapsSpec | None = None
    edits: EditsSpec | None = None
    transfer: TransferSpec | None = None
    response: ResponseSpec | None = None
    walks: WalksSpec | None = None
    embeddings: EmbeddingsSpec | None = None
    interpolation: InterpolationSpec | None = None
    layers: LayersSpec | None = None
    sampling: SamplingSpec | None = None
    invariances: InvariancesSpec | None = None
    invariances_over_depth: InvariancesOverDepthSpec | None = None

    def asked(self) -> dict[str, ExperimentSpec]:
        """Name → settings of what was asked for, in the order of the fields."""
        found = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: spec for name, spec in found if spec is not None}
