"""Does what a study needs fit this machine: disk and memory, before any compute."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flows.console import size
from flows.settings import local_path
from tasks.errors import EnvironmentProblem

if TYPE_CHECKING:
    from tasks.plan import Plan

FLOAT = 4
FRAMEWORKS = 600 * 2**20
"""Bytes that the imports of torch, Ray, Prefect and MLflow take in the driver, measured."""


@dataclass(frozen=True)
class Needed:
    """Bytes that a study needs."""

    disk: int
    memory: int


def needed_by(plan: Plan) -> Needed:
    """Bytes on disk (all layers' activations) and of memory.

    Memory is that of the driver and one worker: evaluating the largest layer (its rows, twice) or
    training the largest unit alone, whichever takes more.
    """
    from tasks.train_memory import predicted_memory

    layers = [layer.rows_of(plan.n_rows) * layer.n * FLOAT for model in plan.models for layer in model.layers]
    alone = (predicted_memory([unit], plan.n_rows).total for unit in plan.units)
    return Needed(disk=sum(layers), memory=FRAMEWORKS + max(2 * max(layers), *alone, 0))


def check_space(plan: Plan, root: str) -> Needed:
    """See that disk and memory suffice.

    Raises:
        EnvironmentProblem: they do not.
    """
    needed = needed_by(plan)
    path = local_path(root)
    if path is not None:
        free = shutil.disk_usage(_existing(path)).free
        _enough("disk", needed.disk, free, str(path), "choose another root with --root, or fewer layers")
    memory = memory_here()
    fix = "read the widest layers by pool or token, or run with --address on a larger machine"
    _enough("memory", needed.memory, memory, "this machine", fix)
    return needed


def processors_here() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_here() -> int:
    """Bytes of memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _existing(path: Path) -> Path:
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())


def _enough(what: str, needed: int, there: int, where: str, fix: str) -> None:
    if needed > there:
        raise EnvironmentProblem(
            f"The study needs about {size(needed)} of {what}, there are {size(there)}.",
            where=where,
            fix=fix,
        )
