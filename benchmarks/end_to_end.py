"""What of a whole `fit` goes into updates."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from iin_core import fitting
from iin_core.spec import TrainingSpec
from iin_core.training import Trained


def share_in_updates(updates: int) -> float:
    """The share of the CPU time of a `fit` with default settings that its updates took.

    The data are 4,000 rows of 64 features with two labels of ten values each.
    """
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, (2, 4000))
    z = rng.standard_normal((4000, 64)) @ rng.standard_normal((64, 64)) / 8
    z[:, :20] += rng.standard_normal((2, 10, 20))[[0, 1], labels.T].sum(1)
    trained: list[Trained] = []
    begun = time.process_time()
    with _Watched(trained):
        fitting.fit(z, {"digit": labels[0], "colour": labels[1]}, training=TrainingSpec(updates=updates))
    return trained[0].cost.updates / (time.process_time() - begun)


class _Watched:
    """Keeps what the training inside `fit` returns."""

    def __init__(self, trained: list[Trained]) -> None:
        self._trained, self._train = trained, fitting.train

    def __enter__(self) -> None:
        def watched(*args: Any, **kwargs: Any) -> list[Trained]:
            self._trained += (results := self._train(*args, **kwargs))
            return results

        fitting.train = watched

    def __exit__(self, *_: object) -> None:
        fitting.train = self._train
