"""The units of a study: layers × concept sets × seeds, each with the overrides that match it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from iin_core.errors import nearest
from tasks.errors import StudyError
from tasks.planned import LayerPlan, UnitSettings
from tasks.study import GateSpec, OverrideSpec
from tasks.study_file import LoadedStudy, merged


def unit_settings(
    loaded: LoadedStudy, layers: Sequence[LayerPlan]
) -> tuple[list[UnitSettings], list[StudyError]]:
    """Every unit of the study, and whatever is wrong with units, overrides and gates.

    Args:
        loaded: the study.
        layers: of all models.
    """
    problems = [*_unmatched(loaded, layers), *_unknown_dimensions(loaded)]
    units: list[UnitSettings] = []
    for layer in layers:
        for concepts, entry in loaded.study.concepts.items():
            matching = [i for i, o in enumerate(loaded.study.overrides) if _matches(o, layer, concepts)]
            found = _settings(loaded, layer, concepts, matching)
            problems += _problems(loaded, found[0], list(entry.factors), matching)
            units += found
    if any(unit.headline for unit in units):
        units = [replace(unit, budget="full" if unit.headline else "short") for unit in units]
    units = [replace(unit, evaluation=unit.evaluation.settled(unit.budget)) for unit in units]
    return units, list({str(problem): problem for problem in problems}.values())


def _matches(entry: OverrideSpec | GateSpec, layer: LayerPlan, concepts: str) -> bool:
    return (
        fnmatchcase(layer.model, entry.model)
        and fnmatchcase(layer.layer, entry.layer)
        and fnmatchcase(concepts, entry.concepts)
    )


def _settings(
    loaded: LoadedStudy, layer: LayerPlan, concepts: str, matching: Sequence[int]
) -> list[UnitSettings]:
    study = loaded.study
    flow, training, evaluation = study.flow, study.training, study.evaluation
    seeds, given, estimator, headline = study.seeds, None, study.dimensions, False
    for override in (study.overrides[i] for i in matching):
        flow = merged(flow, override.flow)
        training = merged(training, override.training)
        evaluation = merged(evaluation, override.evaluation)
        seeds = override.seeds or seeds
        given = None if override.estimator else override.dimensions or given
        estimator = override.estimator or estimator
        headline = headline or override.headline
    factors = study.concepts[concepts].factors
    # An override for many sets names concepts that a set may lack; the set takes what is its own.
    dims = {name: given[name] for name in factors if name in given} if given else None
    which = [(layer, concepts, seed, flow, training, evaluation) for seed in seeds]
    return [UnitSettings(*found, dims or None, headline, "full", estimator) for found in which]


def _problems(
    loaded: LoadedStudy, unit: UnitSettings, factors: Sequence[str], matching: Sequence[int]
) -> Iterator[StudyError]:
    """What keeps a unit from being trained, as far as sizes tell."""
    layer = unit.layer
    n, wide = layer.n, unit.flow.front == "whiten" and layer.n > unit.flow.most_dims
    width = unit.flow.most_dims if wide else n
    called = f"layer {layer.layer!r} of {layer.model!r}"
    at_layer = f"{loaded.where('models', layer.model, 'layers', layer.layer)}; {called}, {layer.reading.name}"
    if width % 2:
        yield _odd(loaded, unit, wide, width, at_layer)
    elif width <= len(factors):
        yield StudyError(
            f"The {called} has {width} features, too few for {len(factors)} concepts and a residual.",
            where=at_layer,
            fix=f"study a wider layer, or leave concept set {unit.concepts!r} out for it",
        )
    if unit.dims is None:
        return
    where = next(
        loaded.where("overrides", i, "dimensions")
        for i in matching[::-1]
        if loaded.study.overrides[i].dimensions
    )
    absent = [name for name in factors if name not in unit.dims]
    total = sum(unit.dims.values())
    if absent:
        yield StudyError(
            f"Dimensions are given for {', '.join(unit.dims)} but not for {', '.join(absent)}.",
            where=f"{where}; concept set {unit.concepts!r}",
            fix="give dimensions of every concept of the set, or of none",
        )
    elif total >= width:
        what = "exceed" if total > width else "leave no residual in"
        yield StudyError(
            f"The given dimensions, {total} together, {what} the {width} of {called}.",
            where=f"{where}; concept set {unit.concepts!r}",
            fix=f"give at most {width - 1} together; the residual takes the rest",
        )


def _odd(loaded: LoadedStudy, unit: UnitSettings, wide: bool, width: int, at_layer: str) -> StudyError:
    if wide:
        return StudyError(
            f"The front keeps {width} dimensions, an odd number; a coupling splits them in two halves.",
            where=loaded.where("flow", "front_dims"),
            fix=f"give an even number, such as {width - 1}",
        )
    front = f"flow: {{front_dims: {width - 1}}}"
    return StudyError(
        f"Layer {unit.layer.layer!r} of {unit.layer.model!r} has N = {width}, an odd number; a coupling "
        "splits z in two halves.",
        where=at_layer,
        fix="use another reading (`iin layers` shows N under each) or another layer"
        + (f", or a front of fewer dimensions: {front}" if width > 1 else ""),
    )


def _unmatched(loaded: LoadedStudy, layers: Sequence[LayerPlan]) -> Iterator[StudyError]:
    """An override or gate that matches nothing is a misspelt one."""
    sections: tuple[tuple[str, Iterable[OverrideSpec | GateSpec]], ...] = (
        ("overrides", loaded.study.overrides),
        ("gates", loaded.study.gates),
    )
    sets = list(loaded.study.concepts)
    for section, entries in sections:
        for i, entry in enumerate(entries):
            if any(_matches(entry, layer, concepts) for layer in layers for concepts in sets):
                continue
            models = [layer for layer in layers if fnmatchcase(layer.model, entry.model)]
            known = {
                "model": list(loaded.study.models),
                "layer": list(dict.fromkeys(layer.layer for layer in models or layers)),
                "concepts": sets,
            }
            field, names = next(
                (field, names)
                for field, names in known.items()
                if not any(fnmatchcase(name, getattr(entry, field)) for name in names)
            )
            glob = getattr(entry, field)
            yield StudyError(
                f"This entry of {section} matches no unit: no {field} is called {glob!r}.",
                where=loaded.where(section, i, field),
                fix=f"nearest: {nearest(glob, names)}",
            )


def _unknown_dimensions(loaded: LoadedStudy) -> Iterator[StudyError]:
    for i, override in enumerate(loaded.study.overrides):
        sets = [c for name, c in loaded.study.concepts.items() if fnmatchcase(name, override.concepts)]
        known = list(dict.fromkeys(factor for entry in sets for factor in entry.factors))
        for name in override.dimensions or ():
            if name not in known:
                yield StudyError(
                    f"Dimensions are given for {name!r}, which is no concept of the matching sets.",
                    where=loaded.where("overrides", i, "dimensions", name),
                    fix=f"nearest: {nearest(name, known)}",
                )
