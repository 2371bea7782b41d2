"""A few examples through a model, before any compute is spent on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from iin_core.hooks import call, model_raised
from tasks.planned import ModelPlan, Plan
from tasks.sources.data import Data
from tasks.sources.imported import FAULTS
from tasks.sources.models import open_model

_EXAMPLES = 2


def some_examples(data: Data) -> Any:
    """The model's input for the first two rows."""
    return data.batch(np.arange(min(_EXAMPLES, len(data))))


def output_of(plan: Plan, model: ModelPlan, batch: Any) -> Any:
    """What a model returns for a batch; one that the study fits is not fitted yet.

    Raises:
        IinError: the model cannot be made, or it raises.
    """
    network = open_model(model.spec.source, plan.folder)
    with torch.no_grad():
        try:
            return call(network, batch)
        except FAULTS as error:
            raise model_raised(error, "", network) from error
