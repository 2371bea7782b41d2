"""Inputs of a model that are known of each example, such as a time step, as columns of the row table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tasks.errors import StudyError
from tasks.sources.data import Data, open_data
from tasks.study import Study


def study_data(study: Study, folder: Path) -> Data:
    """The data of a study, with a column for each input that a reading names as its `condition`.

    There it is a concept like any other: a number or a label that gets a block of its own, or one that
    others are drawn apart from (`given`).

    Raises:
        StudyError: the data cannot be opened, or a condition is no input with one number an example.
    """
    data = open_data(study.data.source, folder)
    named = [
        layer.reading.condition
        for model in study.models.values()
        for layer in model.layers.values()
        if layer.reading.condition is not None
    ]
    for name in dict.fromkeys(named):
        values = _values(data, name)
        if name not in data.table:
            data = replace(data, table=data.table.assign(**{name: values}))
        elif not np.array_equal(data.table[name].to_numpy(), values):
            raise StudyError(
                f"The condition {name!r} is an input and a column of the table, and they differ.",
                where="data.source",
                fix="rename the column, or leave it out: the input becomes one",
            )
    return data


def _values(data: Data, name: str) -> NDArray[np.generic]:
    parts = []
    for _, batch in data.batches():
        part = None if isinstance(batch, Tensor) else batch.get(name)
        if part is None or part.numel() != len(part):
            shown = "one tensor without a name" if isinstance(batch, Tensor) else ", ".join(batch)
            raise StudyError(
                f"The condition {name!r} is no input with one number for each example.",
                where=f"data.source; its inputs: {shown}",
                fix="name an input (n,) of the model, or give the data's table such a column instead",
            )
        parts.append(part.flatten().numpy())
    return np.concatenate(parts)
