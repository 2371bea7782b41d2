"""What keeps a unit from being sampled, told before any compute."""

from __future__ import annotations

from collections.abc import Iterator

from iin_core.errors import IinError
from tasks.errors import StudyError
from tasks.experiments.decoder_check import checked_images
from tasks.experiments.planning import models_of
from tasks.experiments.sampling_networks import features_of, open_features
from tasks.experiments.spec import SamplingSpec
from tasks.planned import ModelPlan, Plan, Unit
from tasks.sources.data import Data, open_data
from tasks.sources.models import open_model


def applies(plan: Plan, target: Unit, spec: SamplingSpec) -> str:
    """Why a unit cannot be sampled; empty where it can."""
    model = plan.model(target.model).spec
    if model.decoder is None:
        return "there is no decoder: a sample is an image that the model decodes (`decoder: output`)"
    if not target.layer.lossless:
        return f"the reading {target.layer.reading.name!r} does not determine the activation; flatten does"
    if spec.features is None and model.reader_source is None:
        return (
            "there is no network in whose features images are compared: give the model a `reader`, or "
            "`features: {import: package.module:factory, layer: name}`"
        )
    return ""


def problems(plan: Plan, spec: SamplingSpec) -> list[IinError]:
    """What two rows through the model and the feature network show to be wrong."""
    data = open_data(plan.study.data.source, plan.folder)
    found: list[IinError] = []
    for model in models_of(plan, spec):
        try:
            found += _of_model(plan, spec, model, data)
        except IinError as error:
            found.append(error)
    return found


def _of_model(plan: Plan, spec: SamplingSpec, model: ModelPlan, data: Data) -> Iterator[StudyError]:
    batch = checked_images(plan, model, data)
    source = model.spec.reader_source
    reader = open_model(source, plan.folder) if source else None
    width = features_of(open_features(spec, reader, plan.folder), batch).shape[1]
    n = min(spec.n, plan.sizes.n_heldout)
    if n < max(2, width):
        yield StudyError(
            f"FID of {n} images in {width} features has no meaning: there are fewer rows than features.",
            fix=f"give `n` of at least {width} and as many held-out rows (`data: split: heldout`), or take "
            "`features` with fewer dimensions (`layer`, `reading: {pool: mean}`)",
        )
    if n <= spec.k:
        yield StudyError(f"{n} images have no {spec.k}-th nearest neighbour each.", fix="give a smaller `k`")
