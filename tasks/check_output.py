"""Do the heads, the decoder and the reader that a study declares fit what its model returns?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from iin_core.errors import IinError, ModelError, nearest
from iin_core.hooks import model_raised
from iin_core.split import call
from tasks.errors import StudyError
from tasks.evaluation.network import Reader, head_reader, image_reader, probed_output, sorted_labels
from tasks.plan import probed_concepts
from tasks.probe import PROBE_ROWS, BuiltModel, at
from tasks.sources.data import Data
from tasks.sources.imported import FAULTS
from tasks.study import ReaderSpec
from tasks.study_file import LoadedStudy


def output_problems(loaded: LoadedStudy, name: str, built: BuiltModel, data: Data) -> list[IinError]:
    """Run two rows through a model, and its output through its readers.

    Args:
        loaded: the study.
        name: of the model.
        built: the model and its reader.
        data: of the study.
    """
    spec = loaded.study.models[name]
    problems: list[IinError] = [*_declared(loaded, name, data)]
    probed = spec.reader if spec.probes else None
    if problems or not (spec.head or built.reader or probed):
        return problems
    labels = _labels(loaded, data)
    readers: list[tuple[Reader, str]] = []
    if spec.head:
        readers.append((head_reader(spec.head, labels), "head"))
    if built.reader is not None:
        readers.append((image_reader(built.reader, labels), "reader"))
    for reader, field in readers:
        try:
            with at(loaded, "models", name, field):
                _read(built, reader, data)
        except StudyError as error:
            problems.append(error)
    if probed is not None:
        try:
            with at(loaded, "models", name, "reader"):
                _probe(built, probed, data)
        except StudyError as error:
            problems.append(error)
    return problems


def _declared(loaded: LoadedStudy, name: str, data: Data) -> Iterator[StudyError]:
    """What the study file says against itself, or against the table."""
    spec = loaded.study.models[name]
    if spec.reader_source is not None and spec.decoder is None:
        yield StudyError(
            "A reader reads what the model decodes, but the model has no decoder.",
            where=loaded.where("models", name, "reader"),
            fix="add `decoder: output` if the model returns images, else take the reader out; concepts of "
            "any output are read by `reader: {probe: [concept]}`",
        )
    concepts = probed_concepts(loaded.study)
    known = list(dict.fromkeys([*concepts, *map(str, data.table.columns)]))
    named: list[tuple[str, str, tuple[str | int, ...]]]
    named = [("head", head.concept, ("head", i)) for i, head in enumerate(spec.head)]
    named += [("probe", concept, ("reader", "probe", i)) for i, concept in enumerate(spec.probes)]
    for who, concept, loc in named:
        where = loaded.where("models", name, *loc)
        if concept not in known:
            yield StudyError(
                f"The {who} names the concept {concept!r}, not of the study or its data.",
                where=where,
                fix=f"nearest: {nearest(concept, known)}",
            )
        elif concept in concepts and concepts[concept].kind != "label":
            kind = "numeric" if concepts[concept].kind == "numeric" else "given by pairs"
            yield StudyError(
                f"The {who} names the concept {concept!r}, which is {kind}; a {who} tells classes.",
                where=where,
                fix="name a label concept",
            )


def _labels(loaded: LoadedStudy, data: Data) -> dict[str, list[Any]]:
    concepts = probed_concepts(loaded.study)
    columns = {str(c): str(c) for c in data.table.columns if c != "source"}
    columns |= {name: spec.column or name for name, spec in concepts.items() if spec.kind == "label"}
    numeric = {name for name, spec in concepts.items() if spec.kind == "numeric"}
    return {
        name: sorted_labels(data.table[column])
        for name, column in columns.items()
        if name not in numeric and column in data.table
    }


def _probe(built: BuiltModel, spec: ReaderSpec, data: Data) -> None:
    n = min(PROBE_ROWS, len(data))
    with torch.no_grad():
        read = probed_output(call(built.model, data.batch(np.arange(n))), spec.output)
    if len(read) != n:
        raise ModelError(
            f"The output that the reader's probe reads has {len(read)} rows for {n} examples.",
            where=f"shape {tuple(read.shape)}",
            fix="name a part of the output with a row for each example: reader: {probe: ..., output: ...}",
        )


def _read(built: BuiltModel, reader: Reader, data: Data) -> None:
    batch = data.batch(np.arange(min(PROBE_ROWS, len(data))))
    with torch.no_grad():
        output = call(built.model, batch)
        try:
            said = reader.predict(output)
        except IinError:
            raise
        except FAULTS as error:
            network = built.reader or built.model
            raise model_raised(error, reader.name, network) from error
        if not said:
            raise ModelError(
                f"The {reader.name} names no concept of the study or column of the data.",
                where=f"known: {', '.join(reader.classes)}",
                fix="let it return a mapping of concept → logits",
            )
