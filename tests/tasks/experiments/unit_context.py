"""The context of an experiment on a unit of the sealed world whose right answers are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tasks.evaluate_job import Job, open_network
from tasks.evaluation.material import Concepts, material_maker
from tasks.experiments.context import UnitContext
from tasks.experiments.spec import ExperimentSpec
from tasks.layer_rows import load_layer_rows
from tasks.planned import Unit
from tasks.train_worker import open_interpreter
from tests.tasks.evaluation_world import World


def unit_context(world: World, unit: Unit, spec: ExperimentSpec, folder: Path) -> UnitContext:
    """What `run` is given, of a unit of the world."""
    plan, root = world.plan, world.root
    measuring = unit.evaluation.model_copy(update={"level": "default", "baselines": ()})
    source, model = plan.study.data.source, plan.model(unit.model)
    job = Job(plan.folder, source, plan.rows.key, model, unit, plan.probed, measuring, 64)
    rows = load_layer_rows(root, plan.rows.key, unit.layer.extract.key)
    interpreter = open_interpreter(root, unit)
    concepts = Concepts(unit.factors, plan.probed)
    folder.mkdir(exist_ok=True)
    nothing: Any = None
    return UnitContext(
        job=job,
        network=open_network(job, root, rows.table),
        interpreter=interpreter,
        material=material_maker(rows.z, rows.table, concepts, measuring)(interpreter),
        rows=rows,
        spec=spec,
        folder=folder,
        opened=nothing,
    )
