"""The running model as a reader: what its head, or a reader of its images, says of edited rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from iin_core.errors import ModelError
from iin_core.readings import Reading
from iin_core.spec import ReadingSpec
from iin_core.split import call, run_edited
from tasks.evaluation.output_parts import output_part
from tasks.layer_places import LayerPlaces, beside
from tasks.sources.data import Data
from tasks.study import HeadSpec

Predictions = dict[str, NDArray[np.int64]]
"""Concept → (n,) index of the class that a reader says."""
_FIXES = {
    "head": "name the label of each logit: head: [{concept: ..., classes: [...]}]",
    "reader": "let the reader return one logit for each label that the data have, in sorted order",
}


@dataclass(frozen=True)
class Reader:
    """Says concepts of what the model returns.

    Args:
        name: "head" (the model's own output) or "reader" (an independent network on images, or linear
            probes of the output).
        read: the model's output → concept → logits (n, classes).
        classes: concept → the label of each logit; what else is read is not judged.
    """

    name: str
    read: Callable[[Any], Mapping[str, Tensor]]
    classes: Mapping[str, Sequence[Any]]

    def predict(self, output: Any) -> Predictions:
        """Concept → (n,) class indices.

        Raises:
            ModelError: logits whose number is not that of the concept's labels.
        """
        said = {}
        for concept, logits in self.read(output).items():
            if concept not in self.classes:
                continue
            labels = self.classes[concept]
            if logits.ndim != 2 or logits.shape[1] != len(labels):
                raise ModelError(
                    f"The {self.name} gives logits of shape {tuple(logits.shape)} for {concept!r}, "
                    f"which has {len(labels)} labels.",
                    where=f"labels {list(labels)[:12]}",
                    fix=_FIXES[self.name],
                )
            said[concept] = logits.argmax(1).numpy().astype(np.int64)
        return said

    def truth(self, table: pd.DataFrame, columns: Mapping[str, str]) -> Predictions:
        """Concept → (n,) true class indices of the rows of a table; −1 for a label without a class."""
        return {
            concept: pd.Index(labels, dtype=object).get_indexer(table[columns[concept]].astype(object))
            for concept, labels in self.classes.items()
        }


@dataclass(frozen=True)
class Network:
    """A model at one of its layers, with all that can read its output.

    Args:
        model: f, its weights loaded.
        layer: the module's name.
        reading: how its activation becomes rows.
        data: the examples.
        readers: none, one or two.
        decodes: whether the output is an image of the data's kind.
        batch: examples in one forward pass.
        spec: the reading as the study has it.
        places: of the layer's rows where a reading gives several an example.
    """

    model: nn.Module
    layer: str
    reading: Reading
    data: Data
    readers: tuple[Reader, ...]
    decodes: bool
    batch: int
    spec: ReadingSpec | None = None
    places: LayerPlaces | None = None

    def outputs(
        self, rows: NDArray[np.int64], delta: Callable[[slice], Tensor] | None = None
    ) -> Iterator[Any]:
        """The model's output for rows of the layer, batch by batch.

        Args:
            rows: (n,) rows of the layer: of the data, where a reading gives one row an example.
            delta: a slice of `rows` → the change (b, N) of the layer's rows; None runs it unedited.
        """
        for start in range(0, len(rows), self.batch):
            part = slice(start, min(start + self.batch, len(rows)))
            examples = rows[part] if self.places is None else self.places.row[rows[part]]
            edits = {} if delta is None else {self.layer: self._edit(rows[part], delta(part))}
            named = beside(self.spec, self.data, examples) if self.spec else {}
            yield run_edited(self.model, self.data.batch(examples), edits, named)

    def _edit(self, rows: NDArray[np.int64], delta: Tensor) -> tuple[Reading, Tensor]:
        if self.places is None:
            return self.reading, delta
        return self.places.edited(rows), self.places.spread(delta, rows)

    def predictions(
        self, rows: NDArray[np.int64], delta: Callable[[slice], Tensor] | None = None
    ) -> dict[str, Predictions]:
        """Reader → concept → (n,) class indices, of edited or unedited outputs."""
        said = [
            {reader.name: reader.predict(output) for reader in self.readers}
            for output in self.outputs(rows, delta)
        ]
        return {
            reader.name: {
                c: np.concatenate([part[reader.name][c] for part in said]) for c in said[0][reader.name]
            }
            for reader in self.readers
        }


def head_reader(heads: Sequence[HeadSpec], labels: Mapping[str, Sequence[Any]]) -> Reader:
    """The model's own head.

    Args:
        heads: which part of the output says which concept.
        labels: concept → its labels, sorted; used where a head names no classes.
    """

    classes = {head.concept: head.classes or labels[head.concept] for head in heads if head.concept in labels}

    def read(output: Any) -> dict[str, Tensor]:
        return {
            head.concept: _of_two(_logits(output, head), len(classes.get(head.concept, ()))) for head in heads
        }

    return Reader("head", read, classes)


def image_reader(network: nn.Module, labels: Mapping[str, Sequence[Any]]) -> Reader:
    """An independent network on the images that the model returns.

    Args:
        network: image → mapping of concept → logits, in the order of the sorted labels.
        labels: concept → its labels, sorted.
    """

    def read(output: Any) -> dict[str, Tensor]:
        if not isinstance(output, Tensor):
            raise ModelError(
                f"The model's output is a {type(output).__name__}, not an image.",
                where="decoder: output",
                fix="leave out `decoder`, or let the model return the decoded images alone",
            )
        with torch.no_grad():
            said = call(network, output)
        if not isinstance(said, Mapping):
            raise ModelError(
                f"The reader returned a {type(said).__name__}.",
                where=type(network).__name__,
                fix="let it return a mapping of concept → logits (n, labels in sorted order)",
            )
        return dict(said)

    return Reader("reader", read, labels)


def probe_reader(network: nn.Module, part: str | int | None, labels: Mapping[str, Sequence[Any]]) -> Reader:
    """Linear probes of the model's output.

    Args:
        network: output → mapping of concept → logits, in the order of the sorted labels.
        part: of the output.
        labels: concept → its labels, sorted.
    """

    def read(output: Any) -> dict[str, Tensor]:
        with torch.no_grad():
            said: dict[str, Tensor] = network(probed_output(output, part).cpu())
        return said

    return Reader("reader", read, labels)


def probed_output(output: Any, part: str | int | None) -> Tensor:
    """What the reader's probes read of a model's output, (n, ...).

    Raises:
        ModelError: no such part, or nothing that has numbers.
    """
    found = output_part(
        output, part, "the reader's probe", "name the part: reader: {probe: ..., output: ...}"
    )
    if found.ndim > 1 and found.is_floating_point():
        return found
    raise ModelError(
        f"The reader's probe reads numbers (n, ...); the output is of {found.dtype} and has the shape "
        f"{tuple(found.shape)}.",
        where="reader",
        fix="let the model return vectors, or name the part: reader: {probe: ..., output: ...}",
    )


def sorted_labels(values: pd.Series) -> list[Any]:
    """The different values of a column, sorted; by their text where they cannot be compared."""
    unique = [value.item() if isinstance(value, np.generic) else value for value in values.dropna().unique()]
    try:
        return sorted(unique)
    except TypeError:
        return sorted(unique, key=str)


def _of_two(logits: Tensor, n_labels: int) -> Tensor:
    """One logit, (n,) or (n, 1), is that of the second of two labels."""
    if n_labels != 2 or logits.numel() != len(logits):
        return logits
    return torch.stack([torch.zeros(len(logits)), logits.reshape(-1).cpu()], 1)


def _logits(output: Any, head: HeadSpec) -> Tensor:
    # A mapping's part is called like the concept where the head does not name it.
    part = head.concept if head.output is None and isinstance(output, Mapping) else head.output
    whose, fix = f"the head of {head.concept!r}", "name the part: head: [{concept: ..., output: ...}]"
    return output_part(output, part, whose, fix).float()
