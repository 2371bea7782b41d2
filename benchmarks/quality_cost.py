"""What a training with the defaults costs beside the published objective: 200 updates of each, in turn.

    .venv/bin/python -m benchmarks.quality_cost

Both are projected to a whole training: the published one, written as published (12 x 128, 50 pairs),
to 6,000 updates; ours to its own number, with calibration.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.as_published import Published
from benchmarks.turns import take_turns
from iin_core.blocks import Blocks
from iin_core.calibration import calibrate
from iin_core.front import fit_front
from iin_core.jobs import Job, make_job
from iin_core.sampling import make_sampler
from iin_core.spec import FlowSpec, PairSpec, TrainingSpec
from iin_core.stack import Stack
from iin_core.training import train

PUBLISHED_UPDATES, PAIRS, HIDDEN = 6_000, 50, 128
ROUNDS, AT_ONCE = 20, 10
_DIMS = {"residual": 31, "digit": 22, "colour": 11}
_ROWS = 10_780
_FLOW, _TRAINING = FlowSpec(), TrainingSpec()


def job() -> Job:
    """Rows as many and as wide as those of `quality`."""
    rng = np.random.default_rng(0)
    blocks, z = Blocks(_DIMS), torch.from_numpy(rng.normal(size=(_ROWS, 64)).astype(np.float32))
    labels = {name: rng.integers(10, size=_ROWS) for name in ("digit", "colour")}
    specs = {name: PairSpec() for name in labels}
    sampler = make_sampler(labels, specs, np.arange(_ROWS) // 10, blocks)
    targets = {name: torch.from_numpy(values) for name, values in labels.items()}
    return make_job(fit_front(z, FlowSpec()), (z, z[:2_700]), sampler, blocks, 0, targets)


def our_updates(own: Job, flow: FlowSpec = _FLOW, training: TrainingSpec = _TRAINING) -> Callable[[], None]:
    """Some updates of ours, drawing of the batches included."""
    stack = Stack([own], flow, training, torch.device("cpu"))
    at = 0

    def run() -> None:
        nonlocal at
        for _ in range(AT_ONCE):
            drawn = stack.batches.at(at)
            loss = stack.loss(*stack.flow(drawn.x), drawn, at)
            stack.differentiate(loss)
            stack.move(at, loss.detach())
            at += 1

    return run


def published_updates() -> Callable[[], None]:
    """As many of the published network and loss, without drawing the batches."""
    network = Published(64, HIDDEN, 2, 12)
    a, b = torch.randn(2, PAIRS, 64)
    shared = torch.arange(PAIRS) % 2 + 1

    def run() -> None:
        for _ in range(AT_ONCE):
            network.update(a, b, shared, list(_DIMS.values()))

    return run


def main() -> None:
    """Print both projections and their ratio."""
    torch.set_num_threads(1)
    own = job()
    seconds = take_turns({"published": published_updates(), "ours": our_updates(own)}, ROUNDS)
    [short] = train([own], FlowSpec(), TrainingSpec(updates=2, calibrate=False))
    begun = time.process_time()
    calibrate(short, own)
    calibration = time.process_time() - begun
    updates = {"published": PUBLISHED_UPDATES, "ours": TrainingSpec().updates}
    cost = {name: float(np.median(own)) / AT_ONCE * updates[name] for name, own in seconds.items()}
    print(f"published {cost['published']:.0f} s, ours {cost['ours']:.0f} + {calibration:.1f} s, ", end="")
    print(f"ratio {cost['published'] / (cost['ours'] + calibration):.1f}")


if __name__ == "__main__":
    main()
