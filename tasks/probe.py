"""What can be known of a study's models by building them and one forward pass of two rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from iin_core.errors import CheckpointError, InputError, ModelError
from iin_core.readings import make_reading, n_features
from iin_core.spec import ReadingSpec
from iin_core.split import module_names, observe
from tasks.errors import StudyError
from tasks.layer_places import check_spans, layer_places, settled
from tasks.sources.data import Data
from tasks.sources.models import fit_declared, model_fingerprint, open_model
from tasks.study import SourceSpec
from tasks.study_file import LoadedStudy, together

PROBE_ROWS = 2
"""Rows of the forward pass: two tell a batch axis from an axis of length one."""


@dataclass(frozen=True)
class ProbedLayer:
    """A layer under one reading.

    Args:
        layer: the module's name.
        pattern: the entry of the study's `layers` that names it.
        reading: how its activation becomes rows.
        n: features of a row.
        shape: of the activation, without the batch axis.
        lossless: whether the rows determine the activation.
        n_rows: of the layer, where a reading can give several an example; None: as many as examples.
        n_calls: how often a forward pass calls the module.
    """

    layer: str
    pattern: str
    reading: ReadingSpec
    n: int
    shape: tuple[int, ...]
    lossless: bool
    n_rows: int | None = None
    n_calls: int = 1


@dataclass(frozen=True)
class BuiltModel:
    """A model of the study and its reader, as their sources make them."""

    model: nn.Module
    fingerprint: str
    reader: nn.Module | None
    reader_fingerprint: str | None


@dataclass(frozen=True)
class ProbedModel:
    """A model of the study; the layers stand in the order in which the model calls them."""

    built: BuiltModel
    layers: tuple[ProbedLayer, ...]


def build_model(loaded: LoadedStudy, name: str) -> BuiltModel:
    """Build a model of the study and its reader.

    Raises:
        StudyError: a source that cannot be found, raises, gives no module or does not fit its checkpoint.
    """
    spec = loaded.study.models[name]
    model, fingerprint = _build(loaded, spec.source, spec.fit, ("models", name))
    if spec.reader is None or spec.reader_source is None:
        return BuiltModel(model, fingerprint, None, None)
    reader = _build(loaded, spec.reader_source, spec.reader.fit, ("models", name, "reader"))
    return BuiltModel(model, fingerprint, *reader)


def probe_model(loaded: LoadedStudy, name: str, data: Data) -> ProbedModel:
    """Build a model and its reader and run two rows through the model.

    Raises:
        StudyError: whatever keeps the model, its reader or a layer from being studied; all layers
            with a problem are named at once.
    """
    built = build_model(loaded, name)
    return ProbedModel(built, _layers(loaded, name, built.model, data))


def _build(
    loaded: LoadedStudy, source: SourceSpec, fit: Mapping[str, object] | None, loc: tuple[str, ...]
) -> tuple[nn.Module, str]:
    with at(loaded, *loc, "source"):
        model = open_model(source, loaded.folder)
        fingerprint = model_fingerprint(model, source, loaded.folder)
        _check_fit(source, fit, loaded, loc)
    return model, fingerprint


@contextmanager
def at(loaded: LoadedStudy, *loc: str | int) -> Iterator[None]:
    """Give the errors of a block the line of the study that asked for it."""
    try:
        yield
    except (StudyError, ModelError, InputError, CheckpointError) as error:
        if error.where.startswith(f"{loaded.path.name}:"):
            raise
        told = "" if error.where == ".".join(map(str, loc)) else error.where
        where = "; ".join(part for part in (loaded.where(*loc), told) if part)
        raise StudyError(error.what, where=where, fix=error.fix) from error


def _check_fit(
    source: SourceSpec, fit: Mapping[str, object] | None, loaded: LoadedStudy, loc: tuple[str, ...]
) -> None:
    declared = fit_declared(source, loaded.folder) is not None
    called = source.builtin or source.import_
    if fit is not None and not declared:
        raise StudyError(
            f"The study asks to fit {called!r}, which does not declare how it is fitted.",
            where=loaded.where(*loc),
            fix="take `fit:` out, or give the factory an attribute `fit`",
        )
    if source.builtin and fit is None and source.checkpoint is None:
        raise StudyError(
            f"The built-in network {called!r} is not trained.",
            where=loaded.where(*loc),
            fix="add `fit: {}` beside its source, or name a `checkpoint:` in the source",
        )


def _layers(loaded: LoadedStudy, name: str, model: nn.Module, data: Data) -> tuple[ProbedLayer, ...]:
    wanted = _wanted(loaded, name, model)
    with at(loaded, "models", name):
        batch = data.batch(np.arange(min(PROBE_ROWS, len(data))))
        probes = observe(model, batch, list(wanted))
    found: list[ProbedLayer] = []
    problems: list[StudyError] = []
    for layer in sorted(wanted, key=lambda layer: probes[layer].order):
        pattern, reading = wanted[layer]
        try:
            with at(loaded, "models", name, "layers", pattern):
                shape = probes[layer].at(reading.call, layer, model.get_submodule(layer))
                placed = _layer(layer, pattern, settled(reading, batch), shape)
                found.append(_counted(placed, probes[layer].n_calls, data))
        except StudyError as error:
            problems.append(error)
    if problems:
        raise together(problems, where=loaded.path.name)
    return tuple(found)


def _layer(layer: str, pattern: str, spec: ReadingSpec, shape: tuple[int, ...]) -> ProbedLayer:
    reading = make_reading(spec)
    try:
        n = n_features(reading, shape)
    except InputError as error:
        raise InputError(error.what, where=f"layer {layer!r}", fix=error.fix) from error
    return ProbedLayer(layer, pattern, spec, n, shape, reading.lossless)


def _counted(layer: ProbedLayer, n_calls: int, data: Data) -> ProbedLayer:
    """With the number of its rows; every example's token must lie inside its sentence."""
    check_spans(layer.reading, data)
    places = layer_places(layer.reading, layer.shape, n_calls, data)
    return replace(layer, n_rows=None if places is None else len(places), n_calls=n_calls)


def _wanted(loaded: LoadedStudy, name: str, model: nn.Module) -> dict[str, tuple[str, ReadingSpec]]:
    """Module → the last pattern that matches it, and the reading there."""
    wanted: dict[str, tuple[str, ReadingSpec]] = {}
    problems: list[StudyError] = []
    for pattern, spec in loaded.study.models[name].layers.items():
        try:
            with at(loaded, "models", name, "layers", pattern):
                matches = module_names(model, [pattern])
        except StudyError as error:
            problems.append(error)
            continue
        wanted.update(dict.fromkeys(matches, (pattern, spec.reading)))
    if problems:
        raise together(problems, where=loaded.path.name)
    return wanted
