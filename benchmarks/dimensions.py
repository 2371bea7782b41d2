"""Which estimator of dimensions to use: control and leakage on the *validation* sources, three layers.

    .venv/bin/iin run studies/digits.yaml --only extract
    .venv/bin/python -m benchmarks.dimensions studies/digits.yaml --root iin-data

trains an IIN of digit and colour for each layer, estimator and seed with the library's defaults (others:
`--flow '{"couplings": 3}'`, `--training …`), and reads the validation sources; the held-out ones stay unseen.
Concepts are read from z itself by an MLP fitted on the training rows, since no output of the classifier tells
the colour.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator

import numpy as np
import torch

from iin_core.baselines.readout import Readout, fit_readout
from iin_core.blocks import RESIDUAL, Blocks
from iin_core.concept_values import concept_targets
from iin_core.dimensions import ESTIMATORS, Problem, drawn_pairs, estimate_dimensions
from iin_core.fitting import assemble
from iin_core.front import Front, fit_front, shared_by
from iin_core.interpreter import Interpreter
from iin_core.metrics import grouped_scores, interchange, interchange_pairs, leakages
from iin_core.sampling import make_sampler
from iin_core.spec import EvaluationSpec, FlowSpec, PairSpec, TrainingSpec
from iin_core.training import make_job, train
from tasks.layer_rows import LayerRows, load_layer_rows
from tasks.output import open_root
from tasks.plan import make_plan
from tasks.study_file import load_study

LAYERS = ("conv2", "conv3", "bottleneck")
SPECS = {"digit": PairSpec(), "colour": PairSpec()}
SEEDS = (0, 1)
EVALUATION = EvaluationSpec(probes=("mlp",))


def trained(
    rows: tuple[LayerRows, LayerRows], front: Front, blocks: Blocks, how: tuple[FlowSpec, TrainingSpec]
) -> list[Interpreter]:
    """One IIN for each seed, trained together."""
    (fitting, check), (flow, training) = rows, how
    columns = fitting.columns(SPECS)
    sampler = make_sampler(columns, SPECS, fitting.source, blocks, links=training.links)
    targets = concept_targets(columns, SPECS)
    jobs = [make_job(front, (fitting.z, check.z), sampler, blocks, seed, targets) for seed in SEEDS]
    known = ((fitting.z, columns, SPECS), (check.z, check.columns(SPECS)))
    return [assemble(done, front, blocks, *known, {}) for done in train(jobs, flow, training)]


def said(reader: Readout, z: torch.Tensor, labels: dict[str, list[object]]) -> dict[str, np.ndarray]:
    """What the reader says of rows z, for each concept."""
    return {name: np.asarray(labels[name])[logits.argmax(1).numpy()] for name, logits in reader(z).items()}


def scores(interpreter: Interpreter, check: LayerRows, reader: Readout) -> dict[str, float]:
    """Joint interchange by the reader of z, the worst off-block leak, and the grouped MIG."""
    columns = check.columns(SPECS)
    labels = {name: sorted(set(values.tolist())) for name, values in columns.items()}
    base, donor = interchange_pairs(columns, EVALUATION.pairs, EVALUATION.seed)
    changed = {
        name: said(reader, interpreter.swap(check.z[base], check.z[donor], name), labels) for name in SPECS
    }
    joint = interchange(changed, columns, base, donor, check.source, EVALUATION).joint
    unchanged = said(reader, check.z[base], labels)
    ceiling = np.mean([(unchanged[name] == columns[name][base]).mean() for name in SPECS])
    codes = {"iin": (interpreter.encode(check.z), interpreter.blocks)}
    found = leakages(codes, columns, check.source, EVALUATION, shuffles=0)["iin"]
    worst, residual = found.worst("mlp"), found.worst("mlp", RESIDUAL)
    assert joint is not None, "the reader reads both concepts"
    assert worst is not None, "there are off-block cells"
    assert residual is not None, "there is a residual"
    return {
        "joint": joint.value,
        "ceiling": float(ceiling),
        "leak": worst.accuracy.value,
        "residual leak": residual.accuracy.value,
        "MIG": grouped_scores(found, "mlp").mig.value,
    }


def lines(layer: str, rows: LayerRows, how: tuple[FlowSpec, TrainingSpec]) -> Iterator[str]:
    """A line of the table for each estimator of one layer: means over the seeds, and their spread."""
    fitting, check = rows.of("train"), rows.of("validation")
    columns = fitting.columns(SPECS)
    front = fit_front(fitting.z, how[0], shared_by(columns, SPECS))
    reader = fit_readout(fitting.z, columns)
    units = Blocks({RESIDUAL: 1, **dict.fromkeys(SPECS, 1)})
    pairs = drawn_pairs(make_sampler(columns, SPECS, fitting.source, units))
    known: dict[tuple[int, ...], list[dict[str, float]]] = {}
    for estimator in ESTIMATORS:
        begun = time.process_time()
        found = estimate_dimensions(
            estimator, Problem(fitting.z, front.apply(fitting.z), pairs, fitting.source)
        )
        seconds = time.process_time() - begun
        key = tuple(found.dims.values())
        if key not in known:
            interpreters = trained((fitting, check), front, Blocks(found.dims), how)
            known[key] = [scores(interpreter, check, reader) for interpreter in interpreters]
        measured = known[key]
        means = {name: np.mean([entry[name] for entry in measured]) for name in measured[0]}
        spread = max(abs(measured[0][name] - measured[1][name]) for name in ("joint", "leak", "MIG"))
        dims = " / ".join(str(found.dims[name]) for name in (*SPECS, RESIDUAL))
        values = " | ".join(f"{value:.3f}" for value in means.values())
        where = f"{layer}, N = {front.n_features}"
        yield f"| {where} | {estimator} | {dims} | {values} | {spread:.3f} | {seconds:.1f} |"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study")
    parser.add_argument("--root", default="iin-data")
    parser.add_argument("--flow", type=json.loads, default={})
    parser.add_argument("--training", type=json.loads, default={})
    parser.add_argument("--layers", nargs="*", default=LAYERS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    plan, root = make_plan(load_study(arguments.study)), open_root(arguments.root, create=False)
    how = FlowSpec(**arguments.flow), TrainingSpec(**arguments.training)
    print(*how, sep="\n")
    print(
        "| layer | estimator | digit / colour / residual | joint | ceiling | worst leak | residual's leak",
        end="",
    )
    print(" | grouped MIG | spread | estimate, s |\n|" + "---|" * 10)
    for layer in (
        layer for model in plan.models for layer in model.layers if layer.layer in arguments.layers
    ):
        rows = load_layer_rows(root, plan.rows.key, layer.extract.key)
        for line in lines(layer.layer, rows, how):
            print(line, flush=True)


if __name__ == "__main__":
    main()
