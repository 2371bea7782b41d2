"""What a conditional flow is made of; no torch is imported."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from iin_core.spec import FlowSpec, TrainingSpec


class ConditionalFlowSpec(FlowSpec):
    """The flow v = t(z̄ | z): a `FlowSpec` whose couplings read an embedding of z as well."""

    couplings: Annotated[int, Field(ge=1, le=64)] = 6
    residual_couplings: Annotated[int, Field(ge=0, le=0)] = 0
    """None: v has no concept blocks."""
    embedding: Annotated[int, Field(ge=1, le=4096)] = 64
    """The width of the embedding of z, which every coupling reads."""
    embedding_hidden: Annotated[int, Field(ge=1, le=8192)] = 128
    embedding_depth: Annotated[int, Field(ge=0, le=8)] = 1
    """Hidden layers between the first and the last of the embedding's network."""
    given_dims: Annotated[int, Field(ge=1, le=4096)] = 256
    """Of a wider layer z this many principal coordinates are read."""


def conditional_training() -> TrainingSpec:
    """How a conditional flow is trained: by its likelihood alone, with noise on z̄."""
    return TrainingSpec(
        updates=3000,
        batch=256,
        penalties={},
        fall_back=False,
        calibrate=False,
        average=0.99,
        low_noise=1.0,
        noise_share=1.0,
    )
