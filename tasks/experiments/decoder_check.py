"""Whether models decode images of the data's kind, seen from two examples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from iin_core.errors import IinError
from iin_core.hooks import call, model_raised
from iin_core.image_features import as_images
from tasks.experiments.planning import models_of
from tasks.experiments.seen import image_shape
from tasks.experiments.spec import ExperimentSpec
from tasks.planned import ModelPlan, Plan
from tasks.sources.data import Data, open_data
from tasks.sources.imported import FAULTS
from tasks.sources.models import open_model

_EXAMPLES = 2


def image_problems(plan: Plan, spec: ExperimentSpec) -> Iterator[IinError]:
    """Decoders, of models that an experiment is done on, whose output is no image of the data's kind."""
    models = [model for model in models_of(plan, spec) if model.spec.decoder]
    if not models:
        return
    data = open_data(plan.study.data.source, plan.folder)
    for model in models:
        try:
            checked_images(plan, model, data)
        except IinError as error:
            yield error


def checked_images(plan: Plan, model: ModelPlan, data: Data) -> Any:
    """Two examples of the data, after the model was seen to decode images of their shape.

    Raises:
        IinError: the examples are no images, the model raises, or what it returns is no image like them.
    """
    batch: Any = data.batch(np.arange(min(_EXAMPLES, len(data))))
    shape = image_shape(batch)
    network = open_model(model.spec.source, plan.folder)
    with torch.no_grad():
        try:
            output = call(network, batch)
        except FAULTS as error:
            raise model_raised(error, "", network) from error
    as_images(output, shape, f"decoder of model {model.name!r}")
    return batch
