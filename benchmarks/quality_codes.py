"""The rows of `quality`: each method's codes of a first stage's activations, cached one by one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.coloured_layers import CACHE, CONCEPTS, N_CLASSES, Stage
from iin_core.baselines import BASELINES, das
from iin_core.blocks import RESIDUAL, Blocks
from iin_core.concept_values import concept_targets
from iin_core.factorisation import Factorisation
from iin_core.front import fit_front
from iin_core.interpreter import Interpreter
from iin_core.metrics import interchange_pairs
from iin_core.pairs import Pairs
from iin_core.priors import NormalPrior
from iin_core.sampling import make_sampler
from iin_core.spec import FlowSpec, PairSpec, TrainingSpec
from iin_core.training import make_job, train

WIDE = {"digit": 22, "colour": 11}
NARROW = {"digit": 9, "colour": 9}
PAIRS = 4_000
SEEDS = (0, 1, 2)
NOISES = (0.0, 0.1, 0.3)
ALIKE = TrainingSpec(noise_share=1.0)
"""The defaults with noise on all rows alike: the end of the front that has more control."""
NUMBER = "brightness"
N_PAIRS = 20_000
"""In each table of pairs, where concepts are told by pairs alone."""
SHAPE = FlowSpec.published().model_copy(update={"hidden": 128})
"""The published network of the smaller width."""


@dataclass(frozen=True)
class Codes:
    """What a method makes of a stage.

    Attributes:
        blocks: the layout of its codes.
        z_tilde: (n, 64), of every row.
        swapped: held-out activations after the exchange of a block, (4,000, 64) each.
        cpu: process seconds of its fit.
    """

    blocks: Blocks
    z_tilde: NDArray[np.float32]
    swapped: dict[str, NDArray[np.float32]]
    cpu: float


def heldout_pairs(stage: Stage) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Base and donor rows that differ in both concepts."""
    rows = stage.rows("heldout")
    labels = {name: stage.table[name].to_numpy()[rows] for name in CONCEPTS}
    base, donor = interchange_pairs(labels, PAIRS, 0)
    return rows[base], rows[donor]


def methods() -> dict[str, Callable[[Stage], Factorisation]]:
    """Name → fit on the training rows of a stage; validation rows choose what a fit chooses by itself."""
    found: dict[str, Callable[[Stage], Factorisation]] = {
        f"ours-{seed}": lambda stage, seed=seed: _trained(stage, FlowSpec(), TrainingSpec(), seed)
        for seed in SEEDS
    }
    for seed in SEEDS:
        found[f"ours-alike-{seed}"] = lambda stage, seed=seed: _trained(stage, FlowSpec(), ALIKE, seed)
    for how in ("pairs", "numeric"):
        found[f"ours-{how}-0"] = lambda stage, how=how: _trained(stage, FlowSpec(), TrainingSpec(), 0, how)
    for noise in NOISES:
        found[f"published-{noise}"] = lambda stage, noise=noise: _trained(stage, SHAPE, published(noise), 0)
    for name, fit in BASELINES.items():
        if name != "das":
            found[name] = lambda stage, fit=fit: fit(*_training_rows(stage))
    for name, dims in (("das-22-11-31", WIDE), ("das-9-9-46", NARROW)):
        found[name] = lambda stage, dims=dims: das(*_training_rows(stage), dims, _readout(stage))
    return found


def published(noise: float) -> TrainingSpec:
    """The published objective: 6,000 updates of 50 pairs, with noise on z or none."""
    spec = TrainingSpec.published()
    return spec.model_copy(update={"updates": 6_000, "batch": 100, "learning_rate": 1e-3, "noise": noise})


def concepts_of(name: str) -> tuple[str, ...]:
    """The concepts that have a block in a method's codes."""
    return (*CONCEPTS, NUMBER) if name.startswith("ours-numeric") else CONCEPTS


def codes(name: str, layer: str, stage: Stage) -> Codes:
    """A method's codes, from the cache where they are there."""
    path = CACHE / "codes" / f"{name}-{layer}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, methods()[name], stage)
    with np.load(path) as found:
        blocks = Blocks(dict(zip((RESIDUAL, *concepts_of(name)), found["dims"].tolist(), strict=True)))
        swapped = {block: found[f"heldout_{block}"] for block in (RESIDUAL, *CONCEPTS)}
        return Codes(blocks, found["z_tilde"], swapped, float(found["cpu"]))


@torch.no_grad()
def _write(path: Path, fit: Callable[[Stage], Factorisation], stage: Stage) -> None:
    begun = time.process_time()
    with torch.enable_grad():
        code = fit(stage)
    cpu = time.process_time() - begun
    z_tilde = code.encode(stage.z)
    base, donor = heldout_pairs(stage)
    parts = {}
    for block in (RESIDUAL, *CONCEPTS):
        edited = z_tilde[base].clone()
        edited[:, code.blocks[block]] = z_tilde[donor][:, code.blocks[block]]
        parts[f"heldout_{block}"] = code.decode(edited, like=stage.z[base]).numpy()
    dims = list(code.blocks.dims.values())
    unfinished = path.with_suffix(".part.npz")
    np.savez(unfinished, z_tilde=z_tilde.numpy(), cpu=cpu, dims=dims, **parts)
    os.replace(unfinished, path)


def _trained(
    stage: Stage, flow: FlowSpec, training: TrainingSpec, seed: int, how: str = "labels"
) -> Interpreter:
    z, labels = _training_rows(stage)
    source = stage.table["source"].to_numpy()[stage.rows("train")]
    front = fit_front(z, flow)
    specs, columns, tables = {name: PairSpec() for name in CONCEPTS}, dict[str, NDArray[Any]](labels), []
    dims = WIDE
    if how == "pairs":
        tables = [_pairs(name, labels[name], source) for name in CONCEPTS]
        specs, columns = {}, {}
    elif how == "numeric":
        columns[NUMBER] = stage.table[NUMBER].to_numpy()[stage.rows("train")]
        specs[NUMBER], dims = PairSpec(kind="numeric"), WIDE | {NUMBER: 5}
    blocks = Blocks({RESIDUAL: front.n_dims - sum(dims.values()), **dims})
    sampler = make_sampler(columns, specs, source, blocks, tables=tables, links=training.links)
    targets = concept_targets(columns, specs)
    job = make_job(front, (z, stage.z[stage.rows("validation")]), sampler, blocks, seed, targets)
    [trained] = train([job], flow, training)
    if trained.failure is not None:
        raise trained.failure
    return Interpreter(
        front, trained.flow, blocks, {name: NormalPrior(dim) for name, dim in blocks.dims.items()}, {}
    )


def _pairs(name: str, label: NDArray[np.int64], source: NDArray[np.int64]) -> Pairs:
    """Rows of different sources that share a concept, which is all that is told of it."""
    a, b = np.random.default_rng(0).integers(len(label), size=(2, 40 * N_PAIRS))
    same = np.flatnonzero((label[a] == label[b]) & (source[a] != source[b]))[:N_PAIRS]
    return Pairs(a[same], b[same], shares=name)


def _training_rows(stage: Stage) -> tuple[Tensor, dict[str, NDArray[np.int64]]]:
    rows = stage.rows("train")
    return stage.z[rows], {name: stage.table[name].to_numpy()[rows].copy() for name in CONCEPTS}


def _readout(stage: Stage) -> Callable[[Tensor], Mapping[str, Tensor]]:
    return lambda z: dict(zip(CONCEPTS, stage.head(z).split(N_CLASSES, 1), strict=True))
