"""What edited rows look like and what every reader says of them, in one pass through the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from iin_core.concept_values import MISSING
from iin_core.errors import ModelError
from iin_core.image_features import as_images
from iin_core.metrics import EditSuccess, edit_success
from iin_core.spec import EvaluationSpec
from tasks.evaluation.material import Material
from tasks.evaluation.network import Network, Predictions

Rows = NDArray[np.int64]
Watch = Callable[[Any], Mapping[str, Tensor]]
WHO = {"reader": "the independent reader", "head": "the model's head"}
"""A reader as sentences call it."""


@dataclass(frozen=True)
class Seen:
    """What came out of the model.

    Args:
        said: reader → concept → (n,) class indices.
        images: (m, channels, height, width) of the first m rows; None where the model decodes nothing.
        numbers: who measured → (n,).
    """

    said: Mapping[str, Predictions]
    images: Tensor | None
    numbers: Mapping[str, NDArray[np.float64]]


def see(
    network: Network, rows: Rows, delta: Tensor | None = None, *, shown: int = 0, watch: Watch | None = None
) -> Seen:
    """Run rows of the data through the model, edited or not.

    Args:
        network: the model at its layer.
        rows: (n,) of the data.
        delta: (n, N), the change of the layer's rows.
        shown: of so many of the first rows images are kept, where the model decodes.
        watch: what else is measured of each output: who measured → (b,).

    Raises:
        InputError: what is decoded is no image of the data's kind.
    """
    said: dict[str, dict[str, list[NDArray[np.int64]]]] = {reader.name: {} for reader in network.readers}
    numbers: dict[str, list[Tensor]] = {}
    images: list[Tensor] = []
    start = 0
    for output in network.outputs(rows, None if delta is None else lambda part: delta[part]):
        for reader in network.readers:
            for concept, classes in reader.predict(output).items():
                said[reader.name].setdefault(concept, []).append(classes)
        for who, values in (watch(output) if watch else {}).items():
            numbers.setdefault(who, []).append(values)
        if network.decodes and start < shown:
            images.append(decoded(network, output)[: shown - start])
        start += network.batch
    return Seen(
        {who: {c: np.concatenate(parts) for c, parts in found.items()} for who, found in said.items()},
        torch.cat(images) if images else None,
        {who: torch.cat(parts).double().numpy() for who, parts in numbers.items()},
    )


def decoded(network: Network, output: Any) -> Tensor:
    """The images that the model decoded, (b, channels, height, width) float32.

    Raises:
        InputError: they are no images of the data's kind.
    """
    return as_images(output, image_shape(network.data.batch(np.arange(1))), "decoder: output")


def are_images(batch: object) -> TypeGuard[Tensor]:
    """Whether what the data give the model has the form of images, (n, channels, height, width)."""
    return isinstance(batch, Tensor) and batch.ndim == 4


def image_shape(batch: Any) -> tuple[int, ...]:
    """(channels, height, width) of the data's images.

    Raises:
        ModelError: what the data give the model are no images.
    """
    if are_images(batch):
        return tuple(batch.shape[1:])
    kind = tuple(batch.shape) if isinstance(batch, Tensor) else type(batch).__name__
    raise ModelError(
        f"The examples are no images (n, channels, height, width) that could be decoded: {kind}.",
        where="decoder: output",
        fix="let the data give the model images, or leave out `decoder`",
    )


def originals(network: Network, rows: Rows) -> Tensor:
    """The examples themselves, (n, channels, height, width) float32."""
    batch = network.data.batch(rows)
    image_shape(batch)
    return torch.as_tensor(batch).float()


def in_range(images: Tensor, like: Tensor) -> Tensor:
    """Images with values in [0, 1]: as they are, or scaled where `like`, the originals, go beyond."""
    low, high = float(like.min()), float(like.max())
    if low >= -0.01 and high <= 1.01:
        return images
    return (images - low) / max(high - low, 1e-12)


@dataclass(frozen=True)
class Judged:
    """What a reader said of edited rows, held against what was wanted.

    Args:
        reader: who.
        said, wanted: concept → (n,) class indices, of rows that have a label of every concept that is read.
        classes: concept → the label of each index.
        kept: (n,) which of the rows these are.
        success: how often it was so.
    """

    reader: str
    said: Predictions
    wanted: Predictions
    classes: Mapping[str, list[Any]]
    kept: Rows
    success: EditSuccess


def judge(
    network: Network,
    material: Material,
    seen: Seen,
    asked: tuple[str, Rows, Predictions],
    spec: EvaluationSpec,
) -> list[Judged]:
    """Hold what every reader says against the wanted.

    Args:
        network, material: of the unit.
        seen: of the edited rows.
        asked: the factor that was changed; (n,) the held-out row of each edited one; reader → (n,) the
            wanted class index of the factor.
        spec: `seed` and `bootstrap`.
    """
    factor, base, targets = asked
    found = []
    for reader in network.readers:
        said = seen.said[reader.name]
        truth = reader.truth(material.table, material.columns)
        wanted = {name: truth[name][base] for name in said}
        if factor in said:
            wanted[factor] = targets[reader.name]
        whole = [values != MISSING for values in wanted.values()]
        kept = np.flatnonzero(np.all(whole, axis=0)) if whole else np.empty(0, dtype=np.int64)
        if not len(kept):
            continue
        told, hoped = ({name: values[kept] for name, values in d.items()} for d in (said, wanted))
        success = edit_success(told, hoped, factor, material.source[base[kept]], spec)
        classes = {name: list(reader.classes[name]) for name in said}
        found.append(Judged(reader.name, told, hoped, classes, kept, success))
    return found


def class_of(network: Network, factor: str, label: object) -> dict[str, int]:
    """Reader → the index of a label among the classes of a concept that it reads; −1 for one without it."""
    return {
        reader.name: int(pd.Index(list(reader.classes[factor]), dtype=object).get_indexer([label])[0])
        for reader in network.readers
        if factor in reader.classes
    }
