"""A small layer and jobs on it, for everything that trains."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import torch
from torch import Tensor

from iin_core.blocks import Blocks
from iin_core.front import fit_front
from iin_core.jobs import Job, Trained, make_job
from iin_core.sampling import PairSampler, make_sampler
from iin_core.spec import FlowSpec, PairSpec, TrainingSpec

TINY = FlowSpec.published().model_copy(update={"couplings": 1, "hidden": 8, "depth": 1, "front": "whiten"})
SHORT = TrainingSpec(
    updates=120,
    batch=32,
    noise=0.1,
    noise_share=1.0,
    low_noise=0.0,
    weight_decay=0.0,
    penalties={},
    calibrate=False,
)


@cache
def layer(n: int = 600) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Rows in which a label moves one direction, their labels, and sources of three rows each."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 4, n)
    z = rng.normal(size=(n, 6)) @ rng.normal(size=(6, 6)) * 0.3
    z[:, 0] += 2 * label
    return torch.tensor(z, dtype=torch.float32), label, np.arange(n) // 3


def make(seed: int, *, labelled: bool = True, rows: int = 450, validation: int = 150) -> Job:
    """A job on the first rows; the last ones are for validation."""
    z, label, source = layer()
    blocks = Blocks({"residual": 4, "label": 2} if labelled else {"residual": 6})
    specs = {"label": PairSpec()} if labelled else {}
    sampler = make_sampler({"label": label[:rows]}, specs, source[:rows], blocks)
    front = fit_front(z[:rows], TINY)
    return make_job(front, (z[:rows], z[-validation:]), sampler, blocks, seed)


class Late(PairSampler):
    """Draws as the sampler that it is made of, but links without a likelihood in the updates of `bad`."""

    def draw(self, n_rows, n_updates, generator):
        """Draw, and count."""
        batch = super().draw(n_rows, n_updates, generator)
        done = getattr(self, "done", 0)
        object.__setattr__(self, "done", done + n_updates)
        for update in range(n_updates):
            if done + update in self.bad:
                batch.rho[update] = 1
        return batch


def stumbling(job: Job, bad: range) -> Job:
    """The same job with links of correlation 1, whose likelihood is not finite, in the updates of `bad`."""
    sampler = Late(*(getattr(job.sampler, name) for name in job.sampler.__dataclass_fields__))
    object.__setattr__(sampler, "bad", bad)
    return replace(job, sampler=sampler)


def same(one: Trained, other: Trained) -> bool:
    """Whether two trainings came to the same weights and curves, bit for bit."""
    own, others = one.flow.state_dict(), other.flow.state_dict()
    weights = all(torch.equal(own[name], others[name]) for name in own)
    return weights and one.curves.equals(other.curves) and one.updates == other.updates
