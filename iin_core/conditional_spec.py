"""What a conditional flow is made of; no torch is imported."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from iin_core.spec import FlowSpec, TrainingSpec


class ConditionalFlowSpec(FlowSpec):
    """The flow v = t(z̄ | z): a `FlowSpec` whose couplings read an embedding of z as well."""

    couplings: Annotated[int, Field(ge=1, le=64)] = 4
    residual_couplings: Annotated[int, Field(ge=0, le=0)] = 0
    """None: v has no concept blocks."""
    hidden: Annotated[int, Field(ge=1, le=8192)] = 96
    embedding: Annotated[int, Field(ge=1, le=4096)] = 32
    """The width of the embedding of z, which every coupling reads."""
    embedding_hidden: Annotated[int, Field(ge=1, le=8192)] = 128
    embedding_depth: Annotated[int, Field(ge=0, le=8)] = 1
    """Hidden layers between the first and the last of the embedding's network."""
    given_dims: Annotated[int, Field(ge=1, le=4096)] = 256
    """Of a wider layer z this many principal coordinates are read."""


_PATIENCE = 10
"""Of about fifty points of the curve: few sources are soon learned by heart."""


def conditional_training(updates: int = 1000, noise: float = 0.1) -> TrainingSpec:
    """How a conditional flow is trained: by its likelihood alone, with noise on z̄.

    Args:
        updates: of 256 rows.
        noise: in units of each component's deviation. An autoencoder whose codes are drawn, as the
            published ones are, has noise of its own; without any a code that the layer determines has
            no density given the layer.
    """
    return TrainingSpec(
        updates=updates,
        noise=noise,
        noise_share=1.0,
        low_noise=1.0,
        penalties={},
        fall_back=False,
        calibrate=False,
        average=0.99,
        patience=_PATIENCE,
    )
