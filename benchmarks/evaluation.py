"""What the evaluation of a unit costs beside its training, and what each probe family reads of each baseline.

    .venv/bin/python -m benchmarks.evaluation            costs of the parts, in turn with updates of training
    .venv/bin/python -m benchmarks.evaluation baselines  leaks of the linear methods, both layers, cross-fit

Process CPU time of one thread, coloured digits in ten colours: 10,780 training rows, 4,490 held-out rows of
449 sources, 64 dimensions, two concepts of ten classes.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.coloured_layers import CONCEPTS, LAYERS, Stage, load_stage
from benchmarks.quality_cost import AT_ONCE, job, our_updates
from benchmarks.turns import take_turns
from iin_core.baselines import LinearFactorisation, class_means, das, lda, leace
from iin_core.blocks import Blocks
from iin_core.fitting import fit
from iin_core.interpreter import Interpreter
from iin_core.metrics import conditional_leakage, critic_leaks, grouped_information, leakages
from iin_core.readings import make_reading
from iin_core.spec import EvaluationSpec, FlowSpec, PairSpec, ProbeName, ReadingSpec, TrainingSpec
from tasks.evaluation.interchanges import prepare_exchange
from tasks.evaluation.material import Concepts, material_maker
from tasks.evaluation.measure import measure, measure_shared
from tasks.evaluation.network import Network, Reader
from tasks.evaluation.pictures import draw
from tasks.evaluation.probes import probe_layer, probe_units
from tasks.evaluation.tables import tables
from tasks.sources.data import make_data

ROUNDS = 3
FAMILIES: tuple[ProbeName, ...] = ("linear", "mlp", "knn", "qda", "forest", "rbf")
SPEC = EvaluationSpec()
Codes = Mapping[str, tuple[Tensor, Blocks | None]]


@dataclass(frozen=True)
class Rows:
    """The training or the held-out rows of a stage."""

    z: Tensor
    labels: dict[str, NDArray[np.int64]]
    source: NDArray[np.int64]


def rows_of(stage: Stage, split: str) -> Rows:
    """The rows of one side of the split."""
    at = stage.rows(split)
    table = stage.table.iloc[at]
    return Rows(stage.z[at], {c: table[c].to_numpy() for c in CONCEPTS}, table["source"].to_numpy())


def baselines(stage: Stage, train: Rows) -> dict[str, LinearFactorisation]:
    """Every linear method; the alignment search reads z by the stage's own head."""

    def head(z: Tensor) -> dict[str, Tensor]:
        return dict(zip(CONCEPTS, stage.head(z).split(10, 1), strict=True))

    stage.head.requires_grad_(False)
    return {
        "class_means": class_means(train.z, train.labels),
        "lda": lda(train.z, train.labels),
        "leace": leace(train.z, train.labels),
        "das 22/11/31": das(train.z, train.labels, {"digit": 22, "colour": 11}, head),
        "das 9/9/46": das(train.z, train.labels, None, head),
    }


def timed(name: str, part: Callable[[], Any]) -> Any:
    """Do it, and print its seconds of CPU."""
    start = time.process_time()
    result = part()
    print(f"{name:46s} {time.process_time() - start:7.1f} s", flush=True)
    return result


class _FromTheLayer(nn.Module):
    """The stage from its layer on: the model of a study, of which only the encoder is left out."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.layer, self.head, self.decoder = nn.Identity(), stage.head, stage.decoder

    def forward(self, z: Tensor) -> dict[str, Tensor]:
        """Activations (n, 64) → logits of both concepts, and an image."""
        code = self.layer(z)
        said = dict(zip(CONCEPTS, self.head(code).split(10, 1), strict=True))
        return {**said, "image": self.decoder(code)}


def network(stage: Stage) -> Network:
    """The stage with its head and its independent reader of images."""
    classes = {name: list(range(10)) for name in CONCEPTS}

    def head(output: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: output[name] for name in CONCEPTS}

    def pixels(output: dict[str, Tensor]) -> dict[str, Tensor]:
        with torch.no_grad():
            return dict(zip(CONCEPTS, stage.reader(output["image"]).split(10, 1), strict=True))

    readers = (Reader("head", head, classes), Reader("reader", pixels, classes))
    reading = make_reading(ReadingSpec(flatten=True))
    model = _FromTheLayer(stage).eval()
    return Network(
        model, "layer", reading, make_data((stage.z.numpy(), stage.table), "stage"), readers, False, 256
    )


def unit_parts(
    stage: Stage, iin: Interpreter, training: tuple[FlowSpec, TrainingSpec], spec: EvaluationSpec
) -> dict[str, Callable[[], object]]:
    """Updates of one IIN, and what the evaluation of a unit of that budget does, part by part."""
    labels = {name: PairSpec(column=name) for name in CONCEPTS}
    model, concepts = network(stage), Concepts(labels, labels)
    material = material_maker(stage.z, stage.table, concepts, spec)(iin)
    layer = probe_layer(material, spec)
    (read,) = probe_units([material], spec)
    shared = measure_shared(model, material, spec, layer, {})
    found = measure(model, material, iin, spec, (read, shared), {})
    curves = pd.DataFrame({"update": [0, 1], "loss": [1, 0], "nll_train": [1, 0], "nll_validation": [1, 0]})

    def drawn() -> None:
        with tempfile.TemporaryDirectory() as folder:
            draw(Path(folder), "unit", tables(found)["leakage"], curves)

    return {
        "updates": our_updates(job(), *training),
        "once a layer: probes of the activations": lambda: probe_layer(material, spec),
        "once a concept set: pairs and ceilings": lambda: prepare_exchange(model, material, spec),
        "codes": lambda: material_maker(stage.z, stage.table, concepts, spec)(iin),
        "probes": lambda: probe_units([material], spec),
        "interchange, prior fit, exactness": lambda: measure(model, material, iin, spec, (read, shared), {}),
        "figures": drawn,
    }


def default_level(stage: Stage, iin: Interpreter) -> None:
    """The default evaluation beside the training of its unit, in turn, for both budgets."""
    short = (FlowSpec(couplings=2, residual_couplings=2), TrainingSpec(updates=300))
    budgets = {"full": (FlowSpec(), TrainingSpec()), "short": short}
    for budget, training in budgets.items():
        spec = EvaluationSpec(level="default").settled(budget)
        seconds = take_turns(unit_parts(stage, iin, training, spec), ROUNDS)
        cost = {name: median(own) for name, own in seconds.items()}
        trained = cost.pop("updates") / AT_ONCE * training[1].updates
        total = sum(part for name, part in cost.items() if not name.startswith("once"))
        print(f"{budget} budget: training {trained:.1f} s, its evaluation {total:.2f} s, ", end="")
        print(f"{total / trained:.0%}; with what is done once {sum(cost.values()) / trained:.0%}")
        for name, part in cost.items():
            print(f"    {name:44s} {part:5.2f} s", flush=True)


def costs(stage: Stage) -> None:
    """Every part of the default evaluation, of what baselines add, and of what `full` adds."""
    train, held = rows_of(stage, "train"), rows_of(stage, "heldout")
    where = (held.labels, held.source)
    dims = {"digit": 22, "colour": 11}
    iin = fit(train.z, train.labels, dims=dims, source=train.source, training=TrainingSpec(updates=50))
    default_level(stage, iin)
    code = iin.encode(held.z)
    own: Codes = {"iin": (code, iin.blocks), "all": (code, None)}
    timed("baselines: probes fitted on shuffled labels, too", lambda: leakages(own, *where, SPEC))
    methods = timed("baselines: fitting five", lambda: baselines(stage, train))
    codes: Codes = {name: (method.encode(held.z), method.blocks) for name, method in methods.items()}
    timed("baselines: probes of five", lambda: leakages(codes, *where, SPEC, shuffles=0))
    for family in FAMILIES[2:]:
        spec = EvaluationSpec(probes=(family,))
        timed(f"full: {family}", partial(leakages, {"iin": own["iin"]}, *where, spec, shuffles=0))
    timed("full: conditional leakage", lambda: conditional_leakage(code, iin.blocks, *where, SPEC))
    timed("full: pair critics", lambda: critic_leaks(code, iin.blocks, *where, SPEC))


def leaks(layer: str) -> None:
    """A line for each linear method: off-block accuracies by the MLP, the worst family of each, MIG."""
    stage = load_stage(layer)
    held = rows_of(stage, "heldout")
    methods = baselines(stage, rows_of(stage, "train"))
    codes: Codes = {name: (method.encode(held.z), method.blocks) for name, method in methods.items()}
    found = leakages(codes, held.labels, held.source, EvaluationSpec(probes=FAMILIES), shuffles=0)
    for name, matrix in found.items():
        cells = []
        for cell in sorted(matrix.off_block("mlp"), key=lambda c: (c.block == "residual", c.concept)):
            worst = matrix.worst_family(cell.block, cell.concept)
            beside = "" if worst is None else f" ({worst.accuracy.value:.3f} {worst.probe})"
            cells.append(f"{cell.accuracy.value:.3f}{beside}")
        mig = grouped_information(matrix.v_information("mlp")).mig
        luck = matrix.worst_excess_under_shuffling("mlp")
        print(f"{layer} | {name} | {' | '.join(cells)} | {mig:.3f} | {luck:.3f}", flush=True)


def main() -> None:
    """Print the table that was asked for."""
    torch.set_num_threads(1)
    if sys.argv[1:] == ["baselines"]:
        print(
            "layer | method | D>c | C>d | R>c | R>d: MLP (worst family) | MIG | worst excess under shuffling"
        )
        for layer in LAYERS:
            leaks(layer)
    else:
        costs(load_stage(LAYERS[0]))


if __name__ == "__main__":
    main()
