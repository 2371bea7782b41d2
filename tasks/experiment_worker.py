"""Do one experiment on a worker, and seal what it found."""

from __future__ import annotations

import logging
import time
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from iin_core.errors import IinError
from tasks.errors import UnitFailed
from tasks.evaluate_job import Job, network_at, open_data_of, open_model_of, open_network
from tasks.evaluation.material import Concepts, Material, material_maker
from tasks.experiments import resolved
from tasks.experiments.context import LayerContext, ModelContext, StudyContext, UnitContext
from tasks.experiments.job import ExperimentJob
from tasks.experiments.opened import Opened, place_of
from tasks.experiments.sealing import write_found
from tasks.layer_rows import LayerRows, load_layer_rows, read_table
from tasks.output import Root, open_root
from tasks.train_worker import open_interpreter

_log = logging.getLogger("tasks")
Context = UnitContext | LayerContext | ModelContext | StudyContext


def experiment_and_seal(root_url: str, job: ExperimentJob) -> None:
    """Do an experiment and seal it; one that is sealed already is left as it is.

    Raises:
        UnitFailed: it cannot be done on this unit, layer or model.
        DamagedOutput, EnvironmentProblem: what stops every other one too.
    """
    begun = time.perf_counter()
    root = open_root(root_url, create=False)
    step = job.planned.step
    if root.find(step) is not None:
        return
    with TemporaryDirectory(prefix="iin-") as temporary, root.begin(step) as attempt:
        folder = Path(temporary)
        try:
            # The same draws whatever this worker did before, also where an experiment forgets its seed.
            torch.manual_seed(int(step.key[:8], 16))
            found = resolved(job.experiment.run)(context_of(root, job, folder), job.planned.spec)
            meta = write_found(found, folder, attempt.path)
        except IinError as error:
            raise _of_this_alone(error, step.label) from error
        spent = time.perf_counter() - begun
        told = {} if job.expected is None else {"predicted": job.expected}
        attempt.seal({"experiment": job.experiment.name, **meta}, times={"experiment": spent, **told})
    _log.info("done in %.0f s", spent)


def _of_this_alone(error: IinError, label: str) -> IinError:
    """What an input or a model does not allow is a failure of one experiment; the others go on."""
    if error.exit_code in (3, 5):
        return error
    return UnitFailed(error.what, where="; ".join(filter(None, (label, error.where))), fix=error.fix)


def context_of(root: Root, job: ExperimentJob, folder: Path) -> Context:
    """What the experiment's `run` is given.

    Args:
        root: where outputs lie.
        job: of the experiment.
        folder: an empty one for its figures.
    """
    planned = job.planned
    if job.plan is not None:
        steps: dict[str, Any] = dict(planned.reads)
        return StudyContext(job.plan, root, steps, planned.spec, folder)
    opened = Opened(job, root)
    if planned.unit is not None:
        return _unit(root, job, folder, opened)
    assert planned.model is not None
    place = place_of(job, planned.model.name)
    if planned.layer is not None:
        rows = load_layer_rows(root, job.rows_key, planned.layer.extract.key)
        network = network_at(place, planned.layer, root, rows.table)
        return LayerContext(planned.model, planned.layer, network, rows, root, planned.spec, folder, opened)
    return ModelContext(
        planned.model,
        open_model_of(place, root),
        open_data_of(place),
        read_table(root, job.rows_key),
        root,
        planned.spec,
        folder,
        opened,
    )


def _unit(root: Root, job: ExperimentJob, folder: Path, opened: Opened) -> UnitContext:
    unit, model = job.planned.unit, job.planned.model
    assert unit is not None
    assert model is not None
    alone = Job(job.folder, job.data, job.rows_key, model, unit, job.probed, job.measuring, job.batch)
    rows = _rows(root.url, job.rows_key, unit.layer.extract.key)
    interpreter = open_interpreter(root, unit)
    return UnitContext(
        job=alone,
        network=open_network(alone, root, rows.table),
        interpreter=interpreter,
        material=_material(alone, rows, interpreter),
        rows=rows,
        spec=job.planned.spec,
        folder=folder,
        opened=opened,
    )


def _material(job: Job, rows: LayerRows, interpreter: Any) -> Material:
    concepts = Concepts(job.unit.factors, job.probed)
    return material_maker(rows.z, rows.table, concepts, job.spec)(interpreter)


# A worker does many experiments of a layer, one after another: its rows are read once.
@lru_cache(maxsize=1)
def _rows(root_url: str, rows_key: str, activations_key: str) -> LayerRows:
    return load_layer_rows(open_root(root_url, create=False), rows_key, activations_key)
