"""Which noise to train with: control and leakage on the *validation* sources, for several values.

    .venv/bin/python -m benchmarks.noise studies/digits.yaml --root iin-data

trains the study's first headline unit once for each value and reads the validation sources only; the held-out
ones stay unseen. The study must have been run up to its dimensions (`iin run STUDY --only dimensions`).
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import torch

from iin_core.blocks import Blocks
from iin_core.fitting import assemble
from iin_core.front import fit_front
from iin_core.interpreter import Interpreter
from iin_core.sampling import make_sampler
from iin_core.spec import TrainingSpec
from iin_core.training import make_job, train
from tasks.evaluate import job_of
from tasks.evaluate_worker import open_network
from tasks.evaluation.material import Concepts, make_material
from tasks.evaluation.measure import measure, probe_layer
from tasks.evaluation.scores import flat_scores
from tasks.layer_rows import LayerRows, load_layer_rows
from tasks.output import Root, open_root
from tasks.plan import Plan, Unit, make_plan
from tasks.study_file import load_study

NOISES = (0.0, 0.1, 0.2, 0.3, 0.4)
SHOWN = (
    "score/joint_reader",
    "interchange/reader_ceiling",
    "leakage/mlp_worst",
    "leakage/residual_mlp_worst",
)


def trained(root: Root, unit: Unit, rows: LayerRows, training: TrainingSpec) -> Interpreter:
    """The unit, trained as in a study but for its training settings."""
    fitting, check = rows.of("train"), rows.of("validation")
    front = fit_front(fitting.z, unit.flow)
    blocks = Blocks(root.open("dimensions", unit.dimensions.key).meta["dims"])
    sampler = make_sampler(fitting.columns(unit.factors), unit.factors, fitting.source, blocks)
    job = make_job(front, (fitting.z, check.z), sampler, blocks, unit.seed)
    [result] = train([job], unit.flow, training)
    known = (fitting.z, fitting.columns(unit.factors), unit.factors)
    return assemble(result, front, blocks, known, (check.z, check.columns(unit.factors)), {})


def scores_on_validation(
    root: Root, plan: Plan, unit: Unit, rows: LayerRows, interpreter: Interpreter
) -> dict[str, float | None]:
    """The scores of an evaluation that takes the validation sources for the held-out ones."""
    table = rows.table.copy()
    table["split"] = table["split"].replace({"heldout": "unseen", "validation": "heldout"})
    spec = unit.evaluation.model_copy(update={"level": "default", "bootstrap": 0})
    network = open_network(replace(job_of(plan, unit), spec=spec), root, rows.table)
    material = make_material(rows.z, table, Concepts(unit.factors, plan.probed), interpreter, spec)
    measured, _ = measure(network, material, interpreter, spec, probe_layer(material, spec))
    return flat_scores(measured, material.absent, spec)[0]


def main() -> None:
    """Print a line for each value of the noise."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study")
    parser.add_argument("--root", default="iin-data")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    plan, root = make_plan(load_study(arguments.study)), open_root(arguments.root, create=False)
    unit = next(unit for unit in plan.units if unit.headline)
    rows = load_layer_rows(root, plan.rows.key, unit.layer.extract.key)
    print("noise", *SHOWN, sep="  ")
    for noise in NOISES:
        interpreter = trained(root, unit, rows, unit.training.model_copy(update={"noise": noise}))
        scores = scores_on_validation(root, plan, unit, rows, interpreter)
        print(noise, *(f"{scores[key]:.3f}" for key in SHOWN), sep="  ", flush=True)


if __name__ == "__main__":
    main()
