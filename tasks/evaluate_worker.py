"""Evaluate the units of one layer and concept set on a worker, and seal what was measured of each."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
import pandas as pd
from upath import UPath

from iin_core.errors import IinError
from iin_core.interpreter import Interpreter
from iin_core.metrics import Leakage, Score
from iin_core.spec import EvaluationSpec
from tasks.data_sizes import DataSizes, data_sizes
from tasks.evaluate_job import Job, open_network
from tasks.evaluation.cost import evaluation_cost
from tasks.evaluation.dependence import some_rows
from tasks.evaluation.material import Concepts, Material, material_maker
from tasks.evaluation.measure import Shared, measure, measure_shared
from tasks.evaluation.measured import Measured
from tasks.evaluation.more import timed
from tasks.evaluation.network import Network
from tasks.evaluation.pictures import draw
from tasks.evaluation.probes import probe_layer, probe_units
from tasks.evaluation.scores import flat_scores
from tasks.evaluation.tables import tables
from tasks.layer_rows import load_layer_rows
from tasks.local_copy import local_folder
from tasks.output import Output, Root, open_root
from tasks.study import SplitSpec
from tasks.train_worker import UnitFailure, open_interpreter

_log = logging.getLogger("tasks")
KEPT_ROWS = 512
"""Held-out rows whose codes are kept, the same for every unit of a layer: seeds are compared by them."""
_AS_SEALED = SplitSpec(column="split")
_LAYERS: dict[Hashable, Leakage] = {}
"""What was read of the layer that this worker came to last."""


def evaluate_and_seal(root_url: str, jobs: Sequence[Job]) -> list[UnitFailure]:
    """Measure units of one layer and concept set on held-out sources, and seal what each of them has.

    Baselines are fitted once for all of them, and the units' probes are trained stacked. A unit whose
    evaluation is sealed already, such as by a worker that died afterwards, is left out.

    Returns:
        The units that failed.

    Raises:
        IinError: what all of them read is damaged, or the model cannot be run as its spec says.
    """
    begun = time.perf_counter()
    root = open_root(root_url, create=False)
    left = [job for job in jobs if root.find(job.unit.evaluate) is None]
    failures: list[UnitFailure] = []
    opened = _open_interpreters(root, left, failures)
    if not opened:
        return failures
    job = opened[0][0]
    rows = load_layer_rows(root, job.rows_key, job.unit.layer.extract.key)
    network = open_network(job, root, rows.table)
    concepts = Concepts(job.unit.factors, job.probed)
    times: dict[str, float] = {}
    with timed("baselines", times):
        make = material_maker(rows.z, rows.table, concepts, job.spec)
        coded = _coded(make, opened, failures)
    if not coded:
        return failures
    materials = [material for *_, material in coded]
    layer = _read_layer(root_url, job, materials[0])
    shared = measure_shared(network, materials[0], job.spec, layer, times)
    with timed("probes", times):
        read = probe_units(materials, job.spec)
    times["evaluate"] = time.perf_counter() - begun
    group = _Group(root, data_sizes(rows.table, _AS_SEALED, job.probed), network, shared, times, len(coded))
    for (job, interpreter, material), leakage in zip(coded, read, strict=True):
        try:
            group.seal(job, interpreter, material, leakage)
        except IinError as error:
            failures.append(UnitFailure(job.unit.name, error))
    return failures


@dataclass(frozen=True)
class _Group:
    """What the units of a group are sealed with.

    Args:
        root: where to.
        sizes: from which costs are told.
        network: the model at their layer.
        shared: what was measured for all of them.
        times: the seconds that were spent on all of them.
        n: how many they are.
    """

    root: Root
    sizes: DataSizes
    network: Network
    shared: Shared
    times: Mapping[str, float]
    n: int

    def seal(self, job: Job, interpreter: Interpreter, material: Material, leakage: Leakage) -> None:
        """Measure what is left of a unit, and seal all of it."""
        begun, times = time.perf_counter(), {name: spent / self.n for name, spent in self.times.items()}
        unit, spec = job.unit, job.spec
        trained = self.root.open("units", unit.train.key)
        curves = _read_curves(trained)
        measured = measure(self.network, material, interpreter, spec, (leakage, self.shared), times)
        measured = replace(measured, scores={**measured.scores, **_training_numbers(trained, curves)})
        with self.root.begin(unit.evaluate) as attempt:
            found = tables(measured)
            _write(attempt.path, measured, material, spec)
            with local_folder(attempt.path / "figures") as figures:
                captions = draw(figures, unit.name, found["leakage"], curves)
            meta = {
                "n_heldout": len(material.rows),
                "n_sources": int(material.table["source"].nunique()),
                "concepts": list(material.factors),
                "methods": list(material.methods),
                "level": spec.level,
                "dims": dict(interpreter.blocks.dims),
                "unlabelled": dict(material.unlabelled),
                "figures": captions,
            }
            times["evaluate"] += time.perf_counter() - begun
            predicted = evaluation_cost(unit, self.sizes, self.n).seconds
            attempt.seal(meta, times={**times, "predicted": predicted})
        _log.info("%s evaluated in %.0f s", unit.name, times["evaluate"])


def _open_interpreters(
    root: Root, jobs: Sequence[Job], failures: list[UnitFailure]
) -> list[tuple[Job, Interpreter]]:
    """The jobs whose interpreters can be read; the others are failures."""
    opened = []
    for job in jobs:
        try:
            opened.append((job, open_interpreter(root, job.unit)))
        except IinError as error:
            failures.append(UnitFailure(job.unit.name, error))
    return opened


def _coded(
    make: Callable[[Interpreter], Material],
    opened: Sequence[tuple[Job, Interpreter]],
    failures: list[UnitFailure],
) -> list[tuple[Job, Interpreter, Material]]:
    """The units whose codes can be read; the others are failures."""
    coded = []
    for job, interpreter in opened:
        try:
            coded.append((job, interpreter, make(interpreter)))
        except IinError as error:
            failures.append(UnitFailure(job.unit.name, error))
    return coded


def _write(folder: UPath, measured: Measured, material: Material, spec: EvaluationSpec) -> None:
    scores, why = flat_scores(measured, material.absent, spec)
    for file, content in (("scores.json", scores), ("why.json", why)):
        (folder / file).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, table in tables(measured).items():
        (folder / f"{name}.csv").write_text(table.to_csv(index=False), encoding="utf-8")
    chosen = some_rows(material.source, 0, KEPT_ROWS)
    code = material.methods["iin"].code[chosen].float().numpy()
    for file, array in (("codes.npy", code), ("codes_rows.npy", material.rows[chosen])):
        with (folder / file).open("wb") as opened:
            np.save(opened, array)


def _read_curves(trained: Output) -> pd.DataFrame:
    return pd.read_csv(BytesIO(trained.read("curves.csv")))


def _training_numbers(trained: Output, curves: pd.DataFrame) -> dict[str, Score]:
    numbers = {"train/updates": Score(float(trained.meta["updates"]))}
    known = curves["nll_train"].dropna()
    if len(known):
        numbers["train/nll_train"] = Score(float(known.iloc[-1]))
    return numbers


def _read_layer(root_url: str, job: Job, material: Material) -> Leakage:
    """What probes read from the layer itself: the same for all of its units, so measured once a worker."""
    probed = tuple((name, pairs.model_dump_json()) for name, pairs in job.probed.items())
    spec = job.spec
    asked = (spec.probes, spec.folds, spec.bootstrap, spec.permutations, spec.seed, probed)
    key = (root_url, job.rows_key, job.unit.layer.extract.key, *asked)
    if key not in _LAYERS:
        _LAYERS.clear()
        _LAYERS[key] = probe_layer(material, job.spec)
    return _LAYERS[key]
