"""The defaults on rows whose factors are known: control and leakage beside known ceilings.

    .venv/bin/python -m benchmarks.quality_synthetic [--only N,CLASSES,ROWS]

Two independent labels and a normal rest are mixed by a known bijection. The reader inverts it, so
that the ceiling, what it reads of rows that nobody edited, is known; leaks are read by MLPs from
4,000 further rows, cross-fit. Nothing is set by hand: `fit(z, concepts, seed=0)`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from iin_core.fitting import fit
from iin_core.metrics import interchange_pairs, leakage
from iin_core.spec import EvaluationSpec

CACHE = Path("build/quality/synthetic.jsonl")
WIDTHS, CLASSES, ROWS = (16, 512), (2, 40), (1_000, 100_000)
HELD_OUT, PAIRS, SECOND = 4_000, 4_000, 5
_WITHIN, _BEND, _SMALL = 0.12, 0.4, 0.1
_LATENT = 24


@dataclass(frozen=True)
class World:
    """z = bend(latent · first) · second, latent = class of `a`, class of `b`, rest.

    Attributes:
        codes: the classes' means, (C, w) each.
        first, second: orthonormal.
    """

    codes: dict[str, NDArray[np.float64]]
    first: NDArray[np.float64]
    second: NDArray[np.float64]

    def rows(self, n: int, seed: int) -> tuple[NDArray[np.float32], dict[str, NDArray[np.int64]]]:
        """Draw rows z, (n, N), and their labels."""
        rng = np.random.default_rng(seed)
        labels = {name: rng.integers(len(code), size=n) for name, code in self.codes.items()}
        latent = rng.normal(size=(n, len(self.first)))
        latent[:, _LATENT:] *= _SMALL
        at = 0
        for name, code in self.codes.items():
            width = code.shape[1]
            latent[:, at : at + width] = code[labels[name]] + _WITHIN * latent[:, at : at + width]
            at += width
        mixed = latent @ self.first
        return ((mixed + _BEND * np.sin(mixed)) @ self.second).astype(np.float32), labels

    def read(self, z: NDArray[np.floating]) -> dict[str, NDArray[np.int64]]:
        """What the inverse of the mixing says of each label."""
        bent = z.astype(np.float64) @ self.second.T
        mixed = bent.copy()
        for _ in range(60):  # x + 0.4 sin x is a contraction away from x
            mixed = bent - _BEND * np.sin(mixed)
        latent, said, at = mixed @ self.first.T, {}, 0
        for name, code in self.codes.items():
            part = latent[:, at : at + code.shape[1]]
            said[name] = ((part[:, None] - code) ** 2).sum(2).argmin(1)
            at += code.shape[1]
        return said


def world(n_dims: int, n_classes: int) -> World:
    """The bijection of a width and a number of classes."""
    rng = np.random.default_rng((n_dims, n_classes))
    codes = {"a": rng.normal(size=(n_classes, 5)), "b": rng.normal(size=(SECOND, 3))}
    for code in codes.values():
        code -= code.mean(0)
        code /= np.sqrt((code**2).mean())
    first, second = (np.linalg.qr(rng.normal(size=(n_dims, n_dims)))[0] for _ in range(2))
    return World(codes, first, second)


def measured(n_dims: int, n_classes: int, n_rows: int, seed: int = 0) -> dict[str, float]:
    """Train once with the defaults, and measure on further rows."""
    mixing = world(n_dims, n_classes)
    z, labels = mixing.rows(n_rows, 1)
    begun = time.process_time()
    interpreter = fit(z, labels, seed=seed)
    seconds = time.process_time() - begun
    z, labels = mixing.rows(HELD_OUT, 2)
    base, donor = interchange_pairs(labels, PAIRS, 0)
    joint = []
    for name in labels:
        said = mixing.read(interpreter.swap(z[base], z[donor], name).numpy())
        right = [said[other] == labels[other][donor if other == name else base] for other in labels]
        joint.append(np.all(right, 0).mean())
    said = mixing.read(z)
    ceiling = np.all([said[name] == labels[name] for name in labels], 0).mean()
    spec = EvaluationSpec(probes=("mlp",), bootstrap=0)
    worst = leakage(interpreter.encode(z), interpreter.blocks, labels, np.arange(len(z)), spec).worst("mlp")
    excess = 0.0 if worst is None else worst.accuracy.excess / (1 - (worst.accuracy.chance or 0.0))
    return {
        "N": n_dims,
        "classes": n_classes,
        "rows": n_rows,
        "joint / ceiling": float(np.mean(joint) / ceiling),
        "ceiling": float(ceiling),
        "leak": excess,
        "cell": "" if worst is None else f"{worst.block} > {worst.concept}",  # type: ignore[dict-item]
        "dims": str(dict(interpreter.blocks.dims)),  # type: ignore[dict-item]
        "CPU s": seconds,
    }


def main() -> None:
    """Print a line for each width, number of classes and number of rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", help="one of them, as 16,2,1000")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    chosen = list(itertools.product(WIDTHS, CLASSES, ROWS))
    if arguments.only:
        chosen = [tuple(int(part) for part in arguments.only.split(","))]  # type: ignore[list-item]
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    for n_dims, n_classes, n_rows in chosen:
        found = measured(n_dims, n_classes, n_rows)
        with CACHE.open("a") as file:
            file.write(json.dumps(found) + "\n")
        print(
            "  ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in found.items()),
            flush=True,
        )


if __name__ == "__main__":
    main()
