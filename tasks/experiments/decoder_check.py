"""Whether a model decodes images of the data's kind, seen from two examples."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from iin_core.hooks import call, model_raised
from iin_core.image_features import as_images
from tasks.experiments.seen import image_shape
from tasks.planned import ModelPlan, Plan
from tasks.sources.data import Data
from tasks.sources.imported import FAULTS
from tasks.sources.models import open_model

_EXAMPLES = 2


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
