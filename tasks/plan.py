"""The plan: a study turned into steps whose keys hold what each result depends on, nothing more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from iin_core.spec import PairSpec
from tasks.conditions import study_data
from tasks.data_sizes import data_sizes
from tasks.experiments.planning import with_experiments
from tasks.layer_places import pairs_problems
from tasks.planned import LayerPlan, ModelPlan, Plan, PlannedExperiment, Unit, UnitSettings
from tasks.probe import ProbedModel, at, probe_model
from tasks.sources.concepts.pair_table import fingerprint
from tasks.sources.data import Data
from tasks.step import Kind, Step
from tasks.study import ReaderSpec, Study
from tasks.study_file import LoadedStudy, together
from tasks.units import unit_settings

__all__ = ["VERSIONS", "LayerPlan", "ModelPlan", "Plan", "Unit", "assemble", "make_plan", "probed_concepts"]

VERSIONS: dict[Kind, int] = {
    "rows": 2,
    "prepare": 1,
    "activations": 1,
    "dimensions": 2,
    "units": 4,
    "evaluations": 6,
    "experiments": 2,
    "report": 3,
}
"""Raised when the code of a kind of step comes to make something else of the same inputs."""


def make_plan(loaded: LoadedStudy) -> Plan:
    """Build the models, look at the data and derive every step.

    Raises:
        StudyError: the study cannot be done as it stands; see `tasks.check` for all mistakes at once.
    """
    data = study_data(loaded.study, loaded.folder)
    probed = {name: probe_model(loaded, name, data) for name in loaded.study.models}
    return assemble(loaded, data, probed)


def assemble(loaded: LoadedStudy, data: Data, probed: Mapping[str, ProbedModel]) -> Plan:
    """Derive every step from what is known of data and models.

    Raises:
        StudyError: overrides that match nothing, dimensions that do not fit.
    """
    study = loaded.study
    rows = _rows(loaded, data)
    models = tuple(_models(study, data, rows, probed))
    layers = [layer for model in models for layer in model.layers]
    settings, problems = unit_settings(loaded, layers)
    problems += pairs_problems(loaded, layers)
    if problems:
        raise together(problems, where=loaded.path.name)
    concepts = probed_concepts(study)
    by_name = {model.name: model for model in models}
    units = tuple(
        _unit(entry, rows, by_name[entry.layer.model], probed[entry.layer.model], study, concepts)
        for entry in settings
    )
    report, sizes = _report(loaded, units, ()), data_sizes(data.table, study.data.split, concepts)
    plan = Plan(study, loaded.folder, loaded.text, len(data), concepts, rows, models, units, report, sizes)
    if not study.experiments.asked():
        return plan
    with at(loaded, "experiments"):
        plan = with_experiments(plan, _outside(probed), VERSIONS["experiments"])
    return replace(plan, report=_report(loaded, units, plan.experiments))


def _outside(probed: Mapping[str, ProbedModel]) -> dict[str, dict[str, str]]:
    """Model → fingerprints of itself and of its reader, as they are outside the root."""
    return {
        name: {
            "model": found.built.fingerprint,
            **({"reader": found.built.reader_fingerprint} if found.built.reader_fingerprint else {}),
        }
        for name, found in probed.items()
    }


def probed_concepts(study: Study) -> dict[str, PairSpec]:
    """Every concept of every set, with its column filled in."""
    return {name: spec for entry in study.concepts.values() for name, spec in filled(entry.factors).items()}


def filled(factors: Mapping[str, PairSpec]) -> dict[str, PairSpec]:
    """The same factors, each with its column; a file of pairs names one only where it says so."""
    return {
        name: spec if spec.file is not None else spec.model_copy(update={"column": spec.column or name})
        for name, spec in factors.items()
    }


def _step(
    kind: Kind, label: str, spec: Mapping[str, Any], inputs: Mapping[str, str], **fingerprints: str
) -> Step:
    return Step(kind, VERSIONS[kind], spec, inputs, fingerprints, label)


def _rows(loaded: LoadedStudy, data: Data) -> Step:
    split = loaded.study.data.split.model_dump(mode="json")
    spec: dict[str, Any] = {"split": {"column": split["column"]} if split["column"] else split}
    fingerprints, columns = {}, {}
    for concepts, entry in loaded.study.concepts.items():
        for name, pairs in entry.factors.items():
            if pairs.kind == "pairs":
                # Pairs that the data tells itself are part of its own fingerprint.
                if pairs.file is not None:
                    with at(loaded, "concepts", concepts, "factors", name):
                        fingerprints[f"pairs {name}"] = fingerprint(pairs, loaded.folder)
                columns[name] = [filled({name: pairs})[name].column, pairs.rho]
    spec |= {"pairs": columns} if columns else {}
    return _step("rows", "rows", spec, {}, data=data.fingerprint(), **fingerprints)


def _models(study: Study, data: Data, rows: Step, probed: Mapping[str, ProbedModel]) -> Iterator[ModelPlan]:
    index, names = 0, [layer.layer for found in probed.values() for layer in found.layers]
    for name, spec in study.models.items():
        found = probed[name]
        prepare = _prepare(name, spec.fit, rows, found.built.fingerprint)
        reader = None
        if spec.reader is not None and spec.probes:
            reader = _probe_step(name, spec.reader, prepare, found.built.fingerprint, (rows, study))
        elif spec.reader is not None and found.built.reader_fingerprint is not None:
            reader = _prepare(f"{name} · reader", spec.reader.fit, rows, found.built.reader_fingerprint)
        layers = []
        for layer in found.layers:
            index += 1
            several = names.count(layer.layer) > 1
            extract = _step(
                "activations",
                f"{index:02d} {f'{name}/' if several else ''}{layer.layer}",
                {
                    "layer": layer.layer,
                    # What stands beside the rows is no part of them.
                    "reading": layer.reading.model_dump(exclude_none=True, exclude={"condition"}),
                },
                {"model": prepare.key} if prepare else {},
                data=data.fingerprint(),
                **({} if prepare else {"model": found.built.fingerprint}),
            )
            n_flow = min(layer.n, study.flow.most_dims) if study.flow.front == "whiten" else layer.n
            layers.append(
                LayerPlan(
                    name,
                    layer.layer,
                    index,
                    layer.reading,
                    layer.n,
                    n_flow,
                    layer.shape,
                    layer.lossless,
                    extract,
                    layer.n_rows,
                    layer.n_calls,
                )
            )
        yield ModelPlan(name, spec, prepare, reader, tuple(layers))


def _prepare(label: str, fit: Mapping[str, Any] | None, rows: Step, fingerprint: str) -> Step | None:
    if fit is None:
        return None
    return _step("prepare", label, {"fit": fit}, {"rows": rows.key}, model=fingerprint)


def _probe_step(
    name: str, reader: ReaderSpec, prepare: Step | None, model: str, known: tuple[Step, Study]
) -> Step:
    """The step that fits linear probes of a model's output."""
    rows, study = known
    concepts = probed_concepts(study)
    columns = [[c, concepts[c].column if c in concepts else c] for c in reader.probe or ()]
    inputs = {"rows": rows.key, **({"model": prepare.key} if prepare else {})}
    spec = {"probe": columns, "output": reader.output}
    return _step("prepare", f"{name} · reader", spec, inputs, **({} if prepare else {"model": model}))


def _ordered(factors: Mapping[str, PairSpec], *fields: str) -> list[list[Any]]:
    """As a list, since the order of the blocks in z̃ is the order in which the study names them.

    A file of pairs counts by its content, which is part of the rows.
    """
    return [
        [name, spec.model_dump(mode="json", include=set(fields) or None, exclude={"file"})]
        for name, spec in factors.items()
    ]


def _unit(
    entry: UnitSettings,
    rows: Step,
    model: ModelPlan,
    probed: ProbedModel,
    study: Study,
    concepts: Mapping[str, PairSpec],
) -> Unit:
    factors = filled(study.concepts[entry.concepts].factors)
    label = f"{entry.layer.title} · {entry.concepts}"
    reads = {"rows": rows.key, "activations": entry.layer.extract.key}
    dimensions = _step("dimensions", label, _dimensions_spec(entry, factors), reads)
    train = _step(
        "units",
        f"{label} · seed {entry.seed}",
        {
            "factors": _ordered(factors),
            "flow": entry.flow.model_dump(mode="json"),
            "training": entry.training.model_dump(mode="json"),
            "seed": entry.seed,
        },
        {**reads, "dimensions": dimensions.key},
    )
    evaluate = _evaluate(entry, train, model, probed, reads, concepts)
    return Unit(entry, factors, dimensions, train, evaluate)


def _dimensions_spec(entry: UnitSettings, factors: Mapping[str, PairSpec]) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "factors": _ordered(factors),
        "estimator": "given" if entry.dims else entry.estimator,
        "front": entry.flow.front,
        "front_dims": entry.flow.front_dims,
    }
    return {**spec, "dims": dict(entry.dims)} if entry.dims else spec


def _evaluate(
    entry: UnitSettings,
    train: Step,
    model: ModelPlan,
    probed: ProbedModel,
    reads: Mapping[str, str],
    concepts: Mapping[str, PairSpec],
) -> Step:
    inputs = {**reads, "unit": train.key}
    fingerprints = {}
    if model.prepare:
        inputs["model"] = model.prepare.key
    else:
        fingerprints["model"] = probed.built.fingerprint
    if model.reader_prepare:
        inputs["reader"] = model.reader_prepare.key
    elif probed.built.reader_fingerprint:
        fingerprints["reader"] = probed.built.reader_fingerprint
    spec = {
        "evaluation": entry.evaluation.model_dump(mode="json"),
        "probed": _ordered(concepts, "kind", "column"),
        "head": [head.model_dump(mode="json") for head in model.spec.head],
        "decoder": model.spec.decoder,
    }
    return _step("evaluations", train.label, spec, inputs, **fingerprints)


def _report(loaded: LoadedStudy, units: tuple[Unit, ...], experiments: tuple[PlannedExperiment, ...]) -> Step:
    # The page shows the study's text, its comments too.
    spec = {"text": loaded.text, "headline": [unit.name for unit in units if unit.headline]}
    inputs = {unit.name: unit.evaluate.key for unit in units}
    inputs |= {found.step.label: found.step.key for found in experiments}
    return _step("report", loaded.study.name, spec, inputs)
