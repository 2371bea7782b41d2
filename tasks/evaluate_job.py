"""What a worker needs in order to evaluate a unit, and the unit's model with all that reads its output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from iin_core.spec import EvaluationSpec, PairSpec
from tasks.evaluation.network import (
    Network,
    Reader,
    head_reader,
    image_reader,
    probe_reader,
    sorted_labels,
)
from tasks.layer_places import layer_places, reading_of
from tasks.output import Root, open_root
from tasks.plan import LayerPlan, ModelPlan, Unit
from tasks.prepare_probe_worker import open_probe
from tasks.prepare_worker import open_prepared
from tasks.sources.data import Data, open_data
from tasks.step import Step
from tasks.study import SourceSpec


@dataclass(frozen=True)
class Job:
    """What a worker needs in order to evaluate one unit.

    Args:
        folder: the study's.
        data: the source of the examples.
        rows_key: of the sealed row table.
        model: the unit's model.
        unit: which.
        probed: every concept of the study.
        spec: how to evaluate.
        batch: examples in one forward pass.
    """

    folder: Path
    data: SourceSpec
    rows_key: str
    model: ModelPlan
    unit: Unit
    probed: Mapping[str, PairSpec]
    spec: EvaluationSpec
    batch: int


@dataclass(frozen=True)
class Place:
    """What a model is opened from.

    Args:
        folder, data, model, probed, batch: as of a `Job`.
    """

    folder: Path
    data: SourceSpec
    model: ModelPlan
    probed: Mapping[str, PairSpec]
    batch: int


def open_network(job: Job, root: Root, table: pd.DataFrame) -> Network:
    """The unit's model at its layer, with its data and everything that reads its output.

    Args:
        job: of the unit.
        root: where a model that the study fitted lies.
        table: all rows; the labels that readers know are those that occur in it.
    """
    place = Place(job.folder, job.data, job.model, job.probed, job.batch)
    return network_at(place, job.unit.layer, root, table)


def network_at(place: Place, layer: LayerPlan, root: Root, table: pd.DataFrame) -> Network:
    """The same at any layer of a model."""
    spec = place.model.spec
    labels = _labels(table, place.probed)
    readers: list[Reader] = []
    if spec.head:
        readers.append(head_reader(spec.head, labels))
    prepared = place.model.reader_prepare
    if spec.reader is not None and spec.probes and prepared is not None:
        readers.append(probe_reader(_open_probe(root.url, spec.probes, prepared), spec.reader.output, labels))
    elif spec.decoder and spec.reader_source is not None:
        network = _open_network(root.url, _text(spec.reader_source), place.folder, prepared)
        readers.append(image_reader(network, labels))
    data = open_data_of(place)
    return Network(
        model=open_model_of(place, root),
        layer=layer.layer,
        reading=reading_of(layer.reading, layer.n_calls),
        data=data,
        readers=tuple(readers),
        decodes=spec.decoder is not None,
        batch=place.batch,
        spec=layer.reading,
        places=layer_places(layer.reading, layer.shape, layer.n_calls, data),
    )


def open_model_of(place: Place, root: Root) -> nn.Module:
    """The model, in evaluation mode; opened once a worker."""
    return _open_network(root.url, _text(place.model.spec.source), place.folder, place.model.prepare)


def open_data_of(place: Place) -> Data:
    """The examples; opened once a worker."""
    return _open_data(_text(place.data), place.folder)


def _labels(table: pd.DataFrame, probed: Mapping[str, PairSpec]) -> dict[str, list[Any]]:
    """Concept → its sorted labels: every concept of the study, and every column by its own name."""
    columns = {str(c): str(c) for c in table.columns if c not in ("source", "split")}
    columns |= {name: pairs.column or name for name, pairs in probed.items() if pairs.kind == "label"}
    numeric = {pairs.column or name for name, pairs in probed.items() if pairs.kind == "numeric"}
    return {name: sorted_labels(table[c]) for name, c in columns.items() if c not in numeric}


# A worker evaluates many units of a study, one after another: models and data are opened once.
@lru_cache(maxsize=4)
def _open_network(root_url: str, source: str, folder: Path, prepared: Step | None) -> nn.Module:
    root = open_root(root_url, create=False)
    return open_prepared(root, SourceSpec.model_validate_json(source), folder, prepared)


@lru_cache(maxsize=4)
def _open_probe(root_url: str, concepts: tuple[str, ...], prepared: Step) -> nn.Module:
    return open_probe(open_root(root_url, create=False), concepts, prepared)


@lru_cache(maxsize=1)
def _open_data(source: str, folder: Path) -> Data:
    return open_data(SourceSpec.model_validate_json(source), folder)


def _text(source: SourceSpec) -> str:
    return source.model_dump_json(by_alias=True)
