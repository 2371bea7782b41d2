"""What the evaluation of a unit costs beside its training, and what each probe family reads of each baseline.

    .venv/bin/python -m benchmarks.evaluation            costs of the parts; trains one IIN by the defaults
    .venv/bin/python -m benchmarks.evaluation baselines  leaks of the linear methods, both layers, cross-fit

Process CPU time of one thread, coloured digits in ten colours: 10,780 training rows, 4,490 held-out rows of
449 sources, 64 dimensions, two concepts of ten classes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.coloured_layers import CONCEPTS, LAYERS, Stage, load_stage
from iin_core.baselines import LinearFactorisation, class_means, das, lda, leace
from iin_core.blocks import Blocks
from iin_core.factorisation import Factorisation, swap
from iin_core.fitting import fit
from iin_core.metrics import (
    conditional_leakage,
    critic_leaks,
    grouped_information,
    interchange,
    interchange_pairs,
    leakages,
    prior_fit,
)
from iin_core.spec import EvaluationSpec, ProbeName

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


def exchange(stage: Stage, method: Factorisation, held: Rows) -> None:
    """Swap each concept and the residual in 4,000 pairs, and read the results by both readers."""
    base, donor = interchange_pairs({**held.labels, "source": held.source}, SPEC.pairs, SPEC.seed)
    said = {name: stage.read(swap(method, held.z[base], held.z[donor], name)) for name in method.blocks}
    for reader in ("head", "pixels"):
        concepts = {name: said[name][reader] for name in CONCEPTS}
        interchange(concepts, held.labels, base, donor, held.source, SPEC)
        interchange({"residual": said["residual"][reader]}, held.labels, base, donor, held.source, SPEC)


def costs(stage: Stage) -> None:
    """Training, every part of the default evaluation, and every part that `full` adds."""
    train, held = rows_of(stage, "train"), rows_of(stage, "heldout")
    where = (held.labels, held.source)
    dims = {"digit": 22, "colour": 11}
    iin = timed("training, the defaults", lambda: fit(train.z, train.labels, dims=dims, source=train.source))
    code = iin.encode(held.z)
    own: Codes = {"iin": (code, iin.blocks), "all": (code, None)}
    timed("probes: linear and MLP, blocks and whole code", lambda: leakages(own, *where, SPEC))
    timed("probes of the layer (once a layer)", lambda: leakages({"layer": (held.z, None)}, *where, SPEC))
    timed("interchange: three blocks, two readers", lambda: exchange(stage, iin, held))
    timed("prior fit", lambda: prior_fit(code, iin.blocks, held.source, SPEC))
    methods = timed("baselines: fitting five", lambda: baselines(stage, train))
    codes: Codes = {name: (method.encode(held.z), method.blocks) for name, method in methods.items()}
    timed("baselines: probes of five", lambda: leakages(codes, *where, SPEC, shuffles=0))
    timed("baselines: interchange of one", lambda: exchange(stage, methods["lda"], held))
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
