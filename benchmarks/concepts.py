"""How pairs are drawn, compared: correlated concepts, rare classes, numbers.

    .venv/bin/python -m benchmarks.concepts            # about a quarter of an hour on one thread

A seeded world of 16 features, tanh mixtures of two concepts of a few classes, a number and eight nuisances.
An IIN is trained on 3,000 rows in which the concepts depend on each other, or classes are rare, and read on
4,000 fresh rows in which the concepts are independent and the classes even: half of them fit the probes, the
other half is read. The flow is a plain one, without penalties, so that the drawing of pairs alone shows.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier, MLPRegressor

from iin_core import FlowSpec, Interpreter, TrainingSpec, fit
from iin_core.spec import PairSpec

SEEDS = (0, 1)
FLOW = FlowSpec(
    couplings=6, residual_couplings=0, mixing="permutation", actnorm=True, hidden=64, nets="separate"
)
TRAINING = TrainingSpec(updates=700, batch=256, noise=0.2, penalties={}, calibrate=False)
_HALF = 2000


@dataclass(frozen=True)
class World:
    """Activations, two labels and a number."""

    z: NDArray[np.float32]
    a: NDArray[np.int64]
    b: NDArray[np.int64]
    u: NDArray[np.float64]


def make_world(n: int, seed: int, *, agree: float = 0.0, zipf: float = 0.0, classes: int = 4) -> World:
    """Rows in which b is a with probability `agree`, and class k has a share ∝ k^−zipf."""
    rng, weights = np.random.default_rng(seed), np.random.default_rng(99)
    share = np.arange(1, classes + 1.0) ** -zipf
    a = rng.choice(classes, n, p=share / share.sum())
    b = np.where(rng.random(n) < agree, a, rng.integers(0, classes, n))
    u, nuisance = rng.normal(size=n), rng.normal(size=(n, 8))
    of_a, of_b = weights.normal(size=(classes, 16)), weights.normal(size=(classes, 16))
    of_u, of_nuisance = weights.normal(size=16), weights.normal(size=(8, 16)) * 0.4
    hidden = of_a[a] + of_b[b] + u[:, None] * of_u + nuisance @ of_nuisance
    z = np.tanh(hidden * 0.6) @ weights.normal(size=(16, 16)) + 0.05 * rng.normal(size=(n, 16))
    return World(z.astype(np.float32), a, b, u)


def measure(interpreter: Interpreter, world: World) -> dict[str, float]:
    """Joint interchange of a and b by readers of z, and what each block and the residual tell."""
    codes, blocks = interpreter.encode(world.z).numpy(), interpreter.blocks
    labels = {"a": world.a, "b": world.b}
    scores = {}
    for block in ("a", "b", "residual"):
        for name, label in labels.items():
            reader = _classifier(codes[:_HALF, blocks[block]], label[:_HALF])
            scores[f"{block} tells {name}"] = float(reader.score(codes[_HALF:, blocks[block]], label[_HALF:]))
    readers = {name: _classifier(world.z[:_HALF], label[:_HALF]) for name, label in labels.items()}
    base, source = slice(_HALF, _HALF + 1000), slice(_HALF + 1000, _HALF + 2000)
    right = []
    for factor in labels:
        z = interpreter.swap(torch.from_numpy(world.z[base]), torch.from_numpy(world.z[source]), factor)
        wanted = {name: label[source if name == factor else base] for name, label in labels.items()}
        right.append(np.all([readers[n].predict(z.numpy()) == wanted[n] for n in labels], axis=0).mean())
    return {"joint": float(np.mean(right)), **scores, "nll": interpreter.meta["nll_validation"]}


def correlated() -> None:
    """Concepts that agree, drawn as the rows come and drawn apart."""
    for agree in (0.15, 0.4, 0.7):
        for called, given in (("as they come", ()), ("drawn apart", None)):
            rows = []
            for seed in SEEDS:
                world, fresh = make_world(3000, seed, agree=agree), make_world(4000, 1000 + seed)
                specs = dict.fromkeys("ab", PairSpec(given=given, balance=0.0))
                rows.append(measure(_fitted(world, specs, 4, seed), fresh))
            _show(f"agree {agree}, {called}", rows)


def rare() -> None:
    """Rare classes of a, by the balance of the classes."""
    for zipf in (1.0, 2.0):
        for balance in (0.0, 0.5, 1.0):
            rows = []
            for seed in SEEDS:
                world = make_world(3000, seed, zipf=zipf, classes=6)
                specs = dict.fromkeys("ab", PairSpec(given=(), balance=balance))
                fresh = make_world(4000, 1000 + seed, classes=6)
                rows.append(measure(_fitted(world, specs, 5, seed), fresh))
            _show(f"zipf {zipf}, balance {balance}", rows)


def numbers() -> None:
    """The number u, its links graded by distance and all alike."""
    for called in ("graded", "alike"):
        rows = []
        for seed in SEEDS:
            world, fresh = make_world(3000, seed), make_world(4000, 1000 + seed)
            concepts, dims = {"a": world.a, "u": world.u}, {"a": 4, "u": 3}
            with links_of_a_number(called):
                interpreter = fit(world.z, concepts, dims=dims, seed=seed, flow=FLOW, training=TRAINING)
            codes, blocks = interpreter.encode(fresh.z).numpy(), interpreter.blocks
            rows.append(
                {
                    f"R² of u from {block}": _read_number(codes[:, blocks[block]], fresh.u)
                    for block in ("u", "a", "residual")
                }
            )
        _show(f"links {called}", rows)


@contextmanager
def links_of_a_number(called: str) -> Iterator[None]:
    """`alike`: every link has the same correlation, and the scores of its rows have it too."""
    with ExitStack() as stack:
        for module in ("iin_core.concept_pairs", "iin_core.links") if called == "alike" else ():
            stack.enter_context(patch(f"{module}.graded", lambda rho, far: torch.full_like(far, rho)))
            stack.enter_context(patch(f"{module}.score_correlation", float))
        yield


def _fitted(world: World, specs: Mapping[str, PairSpec], dims: int, seed: int) -> Interpreter:
    concepts, sizes = {"a": world.a, "b": world.b}, {"a": dims, "b": dims}
    return fit(world.z, concepts, specs=specs, dims=sizes, seed=seed, flow=FLOW, training=TRAINING)


def _classifier(x: NDArray[np.float32], y: NDArray[np.int64]) -> MLPClassifier:
    return MLPClassifier(hidden_layer_sizes=(64,), max_iter=60, random_state=0).fit(x, y)


def _read_number(x: NDArray[np.float32], y: NDArray[np.float64]) -> float:
    reader = MLPRegressor(hidden_layer_sizes=(64,), max_iter=80, random_state=0).fit(x[:_HALF], y[:_HALF])
    return float(reader.score(x[_HALF:], y[_HALF:]))


def _show(called: str, rows: list[dict[str, float]]) -> None:
    means = {name: np.mean([row[name] for row in rows]) for name in rows[0]}
    print(called, *(f"{name} {value:.3f}" for name, value in means.items()), sep=" | ", flush=True)


PARTS = {"correlated": correlated, "rare": rare, "numbers": numbers}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
