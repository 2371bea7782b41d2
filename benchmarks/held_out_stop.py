"""Does an IIN without concepts do better with its best held-out weights than with its last?

`python -m benchmarks.held_out_stop` fits both on few images of scikit-learn's digits (64 pixels with uniform
noise), and prints the NLL per dimension of 397 images that neither trained nor stopped them: the table of
docs/training.md.
"""

from __future__ import annotations

import numpy as np
import torch
from sklearn.datasets import load_digits

from iin_core import fit
from iin_core.spec import TrainingSpec

ROWS = (600, 1_400)
SEEDS = (0, 1)
HELD_FROM = 1_400


def main() -> None:
    """Print one Markdown row a number of rows."""
    rng = np.random.default_rng(0)
    pixels = load_digits().data.astype(np.float32)
    z = torch.from_numpy(pixels + rng.random(pixels.shape, dtype=np.float32))[rng.permutation(len(pixels))]
    print("| rows | last update | best point |\n|---|---|---|")
    for n in ROWS:
        last, best = (
            ", ".join(f"{_nll(z, n, seed, TrainingSpec(patience=patience)):.3f}" for seed in SEEDS)
            for patience in (None, TrainingSpec().patience)
        )
        print(f"| {n:,} | {last} | {best} |", flush=True)


def _nll(z: torch.Tensor, n: int, seed: int, training: TrainingSpec) -> float:
    return float(fit(z[:n], seed=seed, training=training).nll_per_dim(z[HELD_FROM:]).mean())


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
