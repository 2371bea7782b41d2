"""Train a group of units on a worker and seal each."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from iin_core.blocks import Blocks
from iin_core.errors import IinError
from iin_core.fitting import assemble
from iin_core.front import Front, fit_front
from iin_core.interpreter import Interpreter
from iin_core.sampling import make_sampler
from iin_core.spec import FlowSpec
from iin_core.training import Job, Trained, make_job, train
from tasks.layer_rows import LayerRows, load_layer_rows
from tasks.local_copy import local_copy, local_folder
from tasks.output import Root, open_root
from tasks.plan import Unit

INTERPRETER = "interpreter"
_log = logging.getLogger("tasks")


@dataclass(frozen=True)
class UnitFailure:
    """A unit that could not be trained, and why."""

    unit: str
    error: IinError


class _Layers:
    """Rows and fronts of the layers of a group, each loaded and fitted once."""

    def __init__(self, root: Root, rows_key: str) -> None:
        self._root, self._rows_key = root, rows_key
        self.rows = cache(self._load)
        self.front = cache(self._fit)

    def _load(self, activations_key: str) -> tuple[LayerRows, LayerRows]:
        rows = load_layer_rows(self._root, self._rows_key, activations_key)
        return rows.of("train"), rows.of("validation")

    def _fit(self, activations_key: str, flow: FlowSpec) -> Front:
        return fit_front(self.rows(activations_key)[0].z, flow)


def train_and_seal(root_url: str, rows_key: str, units: Sequence[Unit], on_gpu: bool) -> list[UnitFailure]:
    """Train units of one shape together and seal each; return those that failed."""
    root = open_root(root_url, create=False)
    layers = _Layers(root, rows_key)
    begun = time.perf_counter()
    jobs = [_job(root, layers, unit) for unit in units]
    first = units[0]
    trained = train(
        jobs,
        first.flow,
        first.training,
        device="cuda" if on_gpu else "cpu",
        on_progress=_progress(first, len(units)),
    )
    seconds = (time.perf_counter() - begun) / len(units)
    failures = []
    for unit, job, result in zip(units, jobs, trained, strict=True):
        try:
            _seal(root, unit, _interpreter(layers, unit, job, result), result, seconds)
        except IinError as error:
            failures.append(UnitFailure(unit.name, error))
    return failures


def _job(root: Root, layers: _Layers, unit: Unit) -> Job:
    rows, check = layers.rows(unit.layer.extract.key)
    blocks = Blocks(root.open("dimensions", unit.dimensions.key).meta["dims"])
    sampler = make_sampler(rows.columns(unit.factors), unit.factors, rows.source, blocks)
    front = layers.front(unit.layer.extract.key, unit.flow)
    return make_job(front, (rows.z, check.z), sampler, blocks, unit.seed)


def _interpreter(layers: _Layers, unit: Unit, job: Job, trained: Trained) -> Interpreter:
    rows, check = layers.rows(unit.layer.extract.key)
    meta: dict[str, Any] = {
        "model": unit.model,
        "layer": unit.layer.layer,
        "reading": unit.layer.reading.model_dump(exclude_none=True),
        "concepts": {name: spec.model_dump() for name, spec in unit.factors.items()},
        "seed": unit.seed,
        "training": unit.training.model_dump(mode="json"),
    }
    return assemble(
        trained,
        layers.front(unit.layer.extract.key, unit.flow),
        job.blocks,
        (rows.z, rows.columns(unit.factors), unit.factors),
        (check.z, check.columns(unit.factors)),
        meta,
    )


def _seal(root: Root, unit: Unit, interpreter: Interpreter, trained: Trained, seconds: float) -> None:
    with root.begin(unit.train) as attempt:
        with local_folder(attempt.path / INTERPRETER) as folder:
            interpreter.save(folder)
        (attempt.path / "curves.csv").write_text(trained.curves.to_csv(index=False))
        meta = {
            "n": interpreter.n_features,
            "dims": interpreter.blocks.dims,
            "updates": unit.training.updates,
            "explained": interpreter.front.explained,
        }
        attempt.seal(meta, times={"train": seconds})


def _progress(unit: Unit, n_units: int) -> Any:
    begun = last = time.monotonic()

    def log(done: int) -> None:
        nonlocal last
        if time.monotonic() - last >= 10:
            last = time.monotonic()
            share = done / unit.training.updates
            left = (last - begun) * (1 - share) / share
            _log.info("%d of %d updates of %d units, %.0f s left", done, unit.training.updates, n_units, left)

    return log


def open_interpreter(root: Root, unit: Unit) -> Interpreter:
    """The sealed interpreter of a unit."""
    with local_copy(root.open("units", unit.train.key), INTERPRETER) as folder:
        return Interpreter.load(folder)
