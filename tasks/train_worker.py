"""Train a group of units on a worker and seal each."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from iin_core.blocks import Blocks
from iin_core.errors import DivergedError, IinError
from iin_core.fitting import assemble
from iin_core.interpreter import Interpreter
from iin_core.jobs import Job
from iin_core.training import Trained, train
from tasks.local_copy import local_copy, local_folder
from tasks.output import Root, open_root
from tasks.plan import Unit
from tasks.train_checkpoints import open_checkpoints, remove_checkpoint
from tasks.train_rows import GroupRows

INTERPRETER = "interpreter"
_log = logging.getLogger("tasks")


@dataclass(frozen=True)
class UnitFailure:
    """A unit that could not be trained, and why."""

    unit: str
    error: IinError


def train_and_seal(
    root_url: str, rows_key: str, units: Sequence[Unit], settings: tuple[bool, float]
) -> list[UnitFailure]:
    """Train units of one shape together and seal each; return those that failed.

    Args:
        settings: whether on a GPU, and the seconds between two checkpoints.
    """
    root = open_root(root_url, create=False)
    on_gpu, seconds = settings
    rows = GroupRows(root, rows_key)
    failures: list[UnitFailure] = []
    begun = time.perf_counter()
    ready, jobs = _jobs(root, rows, units, failures)
    if not jobs:
        return failures
    trained = train(
        jobs,
        ready[0].flow,
        ready[0].training,
        device="cuda" if on_gpu else "cpu",
        on_progress=_progress(ready[0], len(ready)),
        checkpoints=open_checkpoints(root, ready, seconds),
    )
    wall = (time.perf_counter() - begun) / len(ready)
    for unit, job, result in zip(ready, jobs, trained, strict=True):
        try:
            times = _times(result, wall, len(ready))
            _seal(root, unit, _interpreter(root, rows, unit, (job, result)), result, times)
        except IinError as error:
            failures.append(UnitFailure(unit.name, error))
            if not isinstance(error, DivergedError):
                continue  # on a full disk, say, the training itself is done: it is kept
        remove_checkpoint(root, unit.train.key)
    return failures


def _jobs(
    root: Root, rows: GroupRows, units: Sequence[Unit], failures: list[UnitFailure]
) -> tuple[list[Unit], list[Job]]:
    """The units that can be trained, and how; the others are failures."""
    ready, jobs = [], []
    for unit in units:
        try:
            jobs.append(rows.job(unit, Blocks(root.open("dimensions", unit.dimensions.key).meta["dims"])))
            ready.append(unit)
        except IinError as error:
            failures.append(UnitFailure(unit.name, error))
    return ready, jobs


def _interpreter(root: Root, rows: GroupRows, unit: Unit, done: tuple[Job, Trained]) -> Interpreter:
    layer, (job, trained) = rows.layer(unit), done
    dimensions = root.open("dimensions", unit.dimensions.key).meta
    meta: dict[str, Any] = {
        "model": unit.model,
        "layer": unit.layer.layer,
        "reading": unit.layer.reading.model_dump(exclude_none=True),
        "concepts": {name: spec.model_dump() for name, spec in unit.factors.items()},
        "seed": unit.seed,
        "training": unit.training.model_dump(mode="json"),
        "dimensions": {"estimator": dimensions["estimator"], "scores": dimensions["scores"]},
    }
    return assemble(
        trained,
        layer.front,
        job.blocks,
        (layer.sample.z, layer.sample.columns(unit.factors), unit.factors),
        (layer.check.z, layer.check.columns(unit.factors)),
        meta,
    )


def _seal(
    root: Root, unit: Unit, interpreter: Interpreter, trained: Trained, times: dict[str, float]
) -> None:
    with root.begin(unit.train) as attempt:
        with local_folder(attempt.path / INTERPRETER) as folder:
            interpreter.save(folder)
        (attempt.path / "curves.csv").write_text(trained.curves.to_csv(index=False))
        meta = {
            "n": interpreter.n_features,
            "dims": interpreter.blocks.dims,
            "updates": trained.updates,
            "linear": trained.linear,
            "explained": interpreter.front.explained,
        }
        attempt.seal(meta, times=times)


def _times(trained: Trained, wall: float, n_units: int) -> dict[str, float]:
    """A unit's share of its group's seconds: by the clock, and CPU seconds of the loop and its updates."""
    return {
        "train": wall,
        "loop_cpu": trained.cost.total / n_units,
        "updates_cpu": trained.cost.updates / n_units,
    }


def _progress(unit: Unit, n_units: int) -> Callable[[int], None]:
    first, last, begun = None, time.monotonic(), time.monotonic()

    def log(done: int) -> None:
        nonlocal first, last
        first = done if first is None else first
        if time.monotonic() - last >= 10 and done > first:
            last = time.monotonic()
            left = (last - begun) * (unit.training.updates - done) / (done - first)
            _log.info("%d of %d updates of %d units, %.0f s left", done, unit.training.updates, n_units, left)

    return log


def open_interpreter(root: Root, unit: Unit) -> Interpreter:
    """The sealed interpreter of a unit."""
    with local_copy(root.open("units", unit.train.key), INTERPRETER) as folder:
        return Interpreter.load(folder)
