"""The settings of experiments, as a study file writes them; no torch here."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from iin_core.conditional_spec import ConditionalFlowSpec
from iin_core.spec import ReadingSpec, Spec

DrawFrom = Literal["prior", "normal", "rows"]


class ExperimentSpec(Spec):
    """What every experiment has: the globs that choose its units, layers or models."""

    model: str = "*"
    layer: str = "*"
    concepts: str = "*"
    """Of a unit: its concept set. Of no meaning where there is one output a layer or a model."""


class LayersSpec(ExperimentSpec):
    """Layers compared: one chart of all of them, over depth and over checkpoints."""


class ResponseSpec(ExperimentSpec):
    """Network response: each factor drawn anew, and how far the model's output moves."""

    bases: Annotated[int, Field(ge=4, le=1_000_000)] = 256
    """Held-out rows; all of them where there are fewer."""
    draws: Annotated[int, Field(ge=2, le=100_000)] = 16
    """Of each factor for each base."""
    draw_from: Annotated[tuple[DrawFrom, ...], Field(min_length=1)] = ("prior", "rows")
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


class ExperimentsSpec(Spec):
    """`experiments:` of a study; what is None was not asked for."""

    response: ResponseSpec | None = None
    layers: LayersSpec | None = None
    sampling: SamplingSpec | None = None
    invariances: InvariancesSpec | None = None
    invariances_over_depth: InvariancesOverDepthSpec | None = None

    def asked(self) -> dict[str, ExperimentSpec]:
        """Name → settings of what was asked for, in the order of the fields."""
        found = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: spec for name, spec in found if spec is not None}
