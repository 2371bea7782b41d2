"""Evaluate one unit on a worker and seal what was measured."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import nn
from upath import UPath

from iin_core.metrics import Leakage, Score
from iin_core.readings import make_reading
from iin_core.spec import EvaluationSpec, PairSpec
from tasks.data_sizes import data_sizes
from tasks.evaluation.cost import evaluation_cost
from tasks.evaluation.dependence import some_rows
from tasks.evaluation.material import Concepts, Material, make_material
from tasks.evaluation.measure import measure, probe_layer
from tasks.evaluation.measured import Measured
from tasks.evaluation.network import Network, Reader, head_reader, image_reader, sorted_labels
from tasks.evaluation.pictures import draw
from tasks.evaluation.scores import flat_scores
from tasks.evaluation.tables import tables
from tasks.layer_rows import load_layer_rows
from tasks.local_copy import local_folder
from tasks.output import Output, Root, open_root
from tasks.plan import ModelPlan, Unit
from tasks.prepare_worker import open_prepared
from tasks.sources.data import Data, open_data
from tasks.step import Step
from tasks.study import SourceSpec, SplitSpec
from tasks.train_worker import open_interpreter

_log = logging.getLogger("tasks")
KEPT_ROWS = 512
"""Held-out rows whose codes are kept, the same for every unit of a layer: seeds are compared by them."""
_AS_SEALED = SplitSpec(column="split")
_LAYERS: dict[Hashable, Leakage] = {}
"""What was read of the layer that this worker came to last."""


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


def evaluate_and_seal(root_url: str, job: Job) -> None:
    """Measure a unit on held-out sources; seal its scores, tables and figures.

    Raises:
        IinError: an output that it reads is damaged, or the model cannot be run as its spec says.
    """
    begun = time.perf_counter()
    root, unit = open_root(root_url, create=False), job.unit
    trained = root.open("units", unit.train.key)
    interpreter = open_interpreter(root, unit)
    rows = load_layer_rows(root, job.rows_key, unit.layer.extract.key)
    network = open_network(job, root, rows.table)
    material = make_material(rows.z, rows.table, Concepts(unit.factors, job.probed), interpreter, job.spec)
    layer = _read_layer(root_url, job, material)
    measured, times = measure(network, material, interpreter, job.spec, layer)
    curves = _read_curves(trained)
    measured = replace(measured, scores={**measured.scores, **_training_numbers(trained, curves)})
    with root.begin(unit.evaluate) as attempt:
        found = tables(measured)
        _write(attempt.path, measured, material, job.spec)
        with local_folder(attempt.path / "figures") as figures:
            captions = draw(figures, unit.name, network, material, (found["leakage"], curves))
        meta = {
            "n_heldout": len(material.rows),
            "n_sources": int(material.table["source"].nunique()),
            "concepts": list(material.factors),
            "methods": list(material.methods),
            "level": job.spec.level,
            "dims": dict(interpreter.blocks.dims),
            "unlabelled": dict(material.unlabelled),
            "figures": captions,
        }
        seconds = time.perf_counter() - begun
        predicted = evaluation_cost(unit, data_sizes(rows.table, _AS_SEALED, job.probed)).seconds
        attempt.seal(meta, times={"evaluate": seconds, "predicted": predicted, **times})
    _log.info("evaluated in %.0f s", seconds)


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
    asked = (spec.probes, spec.bootstrap, spec.seed, probed)
    key = (root_url, job.rows_key, job.unit.layer.extract.key, *asked)
    if key not in _LAYERS:
        _LAYERS.clear()
        _LAYERS[key] = probe_layer(material, job.spec)
    return _LAYERS[key]


def open_network(job: Job, root: Root, table: pd.DataFrame) -> Network:
    """The unit's model at its layer, with its data and everything that reads its output.

    Args:
        table: all rows; the labels that readers know are those that occur in it.
    """
    spec = job.model.spec
    labels = _labels(table, job.probed)
    readers: list[Reader] = []
    if spec.head:
        readers.append(head_reader(spec.head, labels))
    if spec.decoder and spec.reader is not None:
        network = _open_network(root.url, _text(spec.reader.source), job.folder, job.model.reader_prepare)
        readers.append(image_reader(network, labels))
    return Network(
        model=_open_network(root.url, _text(spec.source), job.folder, job.model.prepare),
        layer=job.unit.layer.layer,
        reading=make_reading(job.unit.layer.reading),
        data=_open_data(_text(job.data), job.folder),
        readers=tuple(readers),
        decodes=spec.decoder is not None,
        batch=job.batch,
    )


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


@lru_cache(maxsize=1)
def _open_data(source: str, folder: Path) -> Data:
    return open_data(SourceSpec.model_validate_json(source), folder)


def _text(source: SourceSpec) -> str:
    return source.model_dump_json(by_alias=True)
