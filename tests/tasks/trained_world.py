"""A small study on real workers, up to its sealed IINs, for all tests of training."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from tasks.dimensions import estimate
from tasks.extract import extract
from tasks.output import open_root
from tasks.plan import make_plan
from tasks.prepare import prepare
from tasks.rows import make_rows
from tasks.study_file import load_study
from tasks.train import train

CODE = '''
import numpy as np
import torch
from torch import nn


def shapes():
    """Points whose sign pattern is the concept `kind`, whose length is `size`."""
    rng = np.random.default_rng(0)
    kind, size = np.arange(240) % 3, rng.random(240)
    x = rng.normal(size=(240, 6)) + 3 * np.eye(3, 6)[kind] * (1 + size[:, None])
    return x.astype("float32"), {"kind": kind, "size": size, "source": np.arange(240) // 2}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 8)
        self.second = nn.Linear(8, 3)

    def forward(self, x):
        return self.second(torch.tanh(self.first(x)))


def fit(model, data, rows, *, settings, seed):
    """One gradient step on the training rows."""
    index = np.flatnonzero(rows["split"] == "train")
    kind = torch.as_tensor(rows["kind"].to_numpy()[index])
    loss = nn.functional.cross_entropy(model(data.batch(index)), kind)
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= settings.get("rate", 0.1) * parameter.grad
    return {"loss": [float(loss)]}


def net():
    return Net()


net.fit = fit
'''
STUDY = """
iin: 1
name: shapes
data: {source: {import: "shapes_world:shapes"}}
models:
  net:
    source: {import: "shapes_world:net"}
    fit: {rate: 0.2}
    layers: [first]
    head: kind
concepts:
  kind+size: {kind: label, size: numeric}
  none: {}
flow: {couplings: 2, residual_couplings: 0, hidden: 16}
training: {updates: 12, batch: 32}
seeds: [0, 1]
"""


@pytest.fixture(scope="session")
def world(jobs_folder, cluster, tmp_path_factory):
    """A small study up to its activations, on the session's cluster."""
    (jobs_folder / "shapes_world.py").write_text(CODE)
    (jobs_folder / "shapes.yaml").write_text(STUDY)
    plan = make_plan(load_study(jobs_folder / "shapes.yaml"))
    root = open_root(str(tmp_path_factory.mktemp("trained") / "root"))
    make_rows(plan, root)
    prepare(plan, root, cluster)
    extract(plan, root, cluster)
    estimate(plan, root, cluster)
    train(plan, root, cluster)
    return plan, root


def copied(root, folder):
    """A root with everything of another one but its units."""
    again = open_root(str(folder / "root"))
    for kind in ("rows", "prepare", "activations", "dimensions"):
        shutil.copytree(root.path / kind, again.path / kind)
    return again


def changed(unit, **training):
    """The same unit with other settings of its training, under its old key."""
    spec = unit.training.model_copy(update=training)
    return replace(unit, settings=replace(unit.settings, training=spec))
