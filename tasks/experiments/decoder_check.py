"""Whether models decode images of the data's kind, seen from two examples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from iin_core.errors import IinError, ModelError
from iin_core.image_features import as_images
from tasks.experiments.planning import models_of
from tasks.experiments.seen import image_shape
from tasks.experiments.spec import ExperimentSpec
from tasks.experiments.tried import output_of, some_examples
from tasks.planned import ModelPlan, Plan
from tasks.sources.data import Data, open_data


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
    batch = some_examples(data)
    shape = image_shape(batch)
    images = as_images(output_of(plan, model, batch), shape, f"decoder of model {model.name!r}")
    if model.prepare is None:
        refuse_other_scale(batch, images, model.name)
    return batch


def refuse_other_scale(examples: Tensor, images: Tensor, model: str) -> None:
    """Refuse images in [0, 1] decoded of examples that are whole numbers up to 255.

    Figures, readers and FID hold the two against each other as they are. Floats may be standardised, so
    that nothing is said of them.

    Args:
        examples, images: (n, channels, height, width).
        model: its name.

    Raises:
        ModelError: they have different scales.
    """
    whole = not (examples.is_floating_point() or examples.is_complex())
    if whole and int(examples.max()) > 1 and float(images.min()) >= 0 and float(images.max()) <= 1:
        raise ModelError(
            f"The examples are whole numbers up to {int(examples.max())}, but what is decoded lies in "
            f"[0, 1]: images of two scales cannot be compared.",
            where=f"decoder of model {model!r}",
            fix="let the data give float images in [0, 1] (divide by 255 there, not in the model), or let "
            "the model return images on the scale of the data",
        )
