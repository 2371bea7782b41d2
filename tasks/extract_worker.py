"""The worker's side of extraction: whole shards of all wanted layers in one forward pass."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from upath import UPath

from iin_core.errors import InputError
from iin_core.readings import make_reading
from iin_core.spec import ReadingSpec
from iin_core.split import capture, refuse_non_finite
from tasks.activations import Layout, write_shard
from tasks.layer_places import beside, by_examples, layer_places
from tasks.output import open_root
from tasks.prepare_worker import open_prepared
from tasks.sources.data import open_data
from tasks.step import Step
from tasks.storage import readable_errors
from tasks.study import SourceSpec

_log = logging.getLogger("tasks.extract")


@dataclass(frozen=True)
class LayerJob:
    """Where the rows of one layer come from, and where they go.

    Args:
        layer, reading, layout: which rows.
        path: of the attempt, in which the array exists.
        shape: of its activation, without the batch axis.
        n_calls: of its module in one forward pass.
    """

    layer: str
    reading: ReadingSpec
    path: UPath
    layout: Layout
    shape: tuple[int, ...] = ()
    n_calls: int = 1

    @property
    def places_key(self) -> object:
        """The same for layers whose rows come from the same places, such as row i of example i."""
        spec = self.reading
        if not spec.is_several:
            return None
        kind = (spec.token if spec.is_each else None, spec.position, spec.mask, spec.sample, spec.seed)
        extent = self.shape[:1] if spec.token else self.shape[1:]
        return (*kind, extent if spec.is_each else None, self.n_calls if spec.call == "all" else None)


@dataclass(frozen=True)
class ExtractJob:
    """What a worker needs to extract any block of rows of one model.

    Args:
        model, data: their sources; relative names start in `folder`.
        root, prepared: where the sealed weights are of a model that the study fits.
        layers: what is wanted.
        batch: examples in one forward pass; part of what makes a repeated block identical.
        n_rows: of the data, as the plan knows it.
        device: "cpu" or "cuda".
    """

    model: SourceSpec
    data: SourceSpec
    folder: Path
    root: str
    prepared: Step | None
    layers: tuple[LayerJob, ...]
    batch: int
    n_rows: int
    device: str


class Extractor:
    """Holds model and data, and extracts blocks of rows.

    Raises:
        StudyError, ModelError, CheckpointError: model or data cannot be opened.
        InputError: the data no longer has the rows that the plan knows.
    """

    def __init__(self, job: ExtractJob) -> None:
        self._job = job
        self._data = open_data(job.data, job.folder)
        if len(self._data) != job.n_rows:
            raise InputError(
                f"The data has {len(self._data)} rows, but had {job.n_rows} when the study was planned.",
                where="data.source",
                fix="run the study again, and leave the data as it is meanwhile",
            )
        self._model = _open(job)
        self._readings = {layer.layer: make_reading(layer.reading) for layer in job.layers}
        self._places = {
            layer.layer: layer_places(layer.reading, layer.shape, layer.n_calls, self._data)
            for layer in job.layers
        }

    def __call__(self, start: int, stop: int) -> int:
        """Extract and write the shards of rows `start` to `stop`, whole; return the number of rows.

        Repeating it writes the same bytes: the batches are cut from `start` on.

        Raises:
            ModelError: a layer that is not called, is called twice, or returns no tensor.
            InputError: rows that are not finite, or a reading that does not fit.
            EnvironmentProblem: no space left, or no right to write.
        """
        writers = [_ShardWriter(layer, start) for layer in self._job.layers]
        places = self._places[self._job.layers[0].layer]
        batches = _batches(start, stop, self._job.batch)
        for rows in batches if places is None else by_examples(places, start, stop, self._job.batch):
            captured = self._captured(np.arange(rows.start, rows.stop))
            for writer in writers:
                writer.add(captured[writer.job.layer].cpu())
        for writer in writers:
            writer.close()
        _log.info("rows %d to %d of %d", start, stop - 1, self._job.layers[0].layout.n_rows)
        return stop - start

    def _captured(self, rows: NDArray[np.int64]) -> dict[str, Tensor]:
        """The same rows of every layer, (len(rows), N)."""
        readings, picks, examples = dict(self._readings), {}, rows
        for name, places in self._places.items():
            if places is not None:
                examples, readings[name], picks[name] = places.read(rows)
        columns = [beside(layer.reading, self._data, examples) for layer in self._job.layers]
        named = {name: values for found in columns for name, values in found.items()}
        captured = capture(self._model, self._inputs(examples), readings, named)
        return captured | {name: pick(captured[name].cpu()) for name, pick in picks.items()}

    def _inputs(self, rows: NDArray[np.int64]) -> Tensor | dict[str, Tensor]:
        inputs = self._data.batch(rows)
        if isinstance(inputs, Tensor):
            return inputs.to(self._job.device)
        return {name: part.to(self._job.device) for name, part in inputs.items()}


class _ShardWriter:
    """Gathers the rows of one layer and writes each shard as soon as it is full."""

    def __init__(self, job: LayerJob, start: int) -> None:
        assert start % job.layout.shard_rows == 0, f"row {start} lies inside a shard of {job.layer}"
        self.job = job
        self._row = start
        self._shard = start // job.layout.shard_rows
        self._buffer = self._empty()

    def add(self, rows: Tensor) -> None:
        """Take the next rows (b, n) in."""
        refuse_non_finite(rows, self.job.layer, self._row)
        values = rows.numpy()
        while len(values):
            span = self.job.layout.rows(self._shard)
            take = min(len(values), span.stop - self._row)
            self._buffer[self._row - span.start :][:take] = values[:take]
            self._row, values = self._row + take, values[take:]
            if self._row == span.stop:
                self._write()

    def close(self) -> None:
        """See that nothing is left that was not written."""
        at_edge = self._row in (self._shard * self.job.layout.shard_rows, self.job.layout.n_rows)
        assert at_edge, f"row {self._row} lies inside a shard of {self.job.layer}"

    def _write(self) -> None:
        with readable_errors(f"the activations of {self.job.layer}", self.job.path):
            write_shard(self.job.path, self.job.layout, self._shard, self._buffer)
        self._shard += 1
        self._buffer = self._empty()

    def _empty(self) -> np.ndarray:
        return np.empty((len(self.job.layout.rows(self._shard)), self.job.layout.n), dtype=np.float32)


def _open(job: ExtractJob) -> nn.Module:
    root = open_root(job.root, create=False)
    model = open_prepared(root, job.model, job.folder, job.prepared)
    return model.to(torch.device(job.device))


def _batches(start: int, stop: int, batch: int) -> Iterator[range]:
    for first in range(start, stop, batch):
        yield range(first, min(first + batch, stop))
