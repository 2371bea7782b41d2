"""From a study file to sealed IINs on real workers: fit, extract, estimate, train."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from iin_core.errors import DivergedError, InputError
from tasks.claim import claim, refuse_failures
from tasks.cluster import Call, Failure
from tasks.dimensions import estimate
from tasks.errors import EnvironmentProblem, StudyError, UnitFailed
from tasks.extract import extract
from tasks.layer_rows import load_layer_rows
from tasks.output import identity, open_root
from tasks.plan import make_plan
from tasks.prepare import prepare
from tasks.prepare_worker import open_prepared
from tasks.rows import make_rows
from tasks.study_file import load_study
from tasks.train import train
from tasks.train_groups import grouped
from tasks.train_worker import open_interpreter

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
flow: {couplings: 2, hidden: 16}
training: {updates: 12, batch: 32}
seeds: [0, 1]
"""


@pytest.fixture(scope="module")
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


def test_every_unit_is_sealed_and_opens(world):
    """Each unit is sealed with its dimensions, and its interpreter encodes the layer's rows."""
    plan, root = world
    for unit in plan.units:
        interpreter = open_interpreter(root, unit)
        z = load_layer_rows(root, plan.rows.key, unit.layer.extract.key).z
        assert interpreter.blocks.dims == root.find(unit.dimensions).meta["dims"]
        torch.testing.assert_close(interpreter.decode(interpreter.encode(z), like=z), z, atol=1e-4, rtol=1e-4)
        assert list(interpreter.blocks) == ["residual", *unit.factors]
        assert root.find(unit.train).manifest["times"]["train"] > 0


def test_prepared_weights_are_the_fitted_ones(world):
    """The sealed model differs from the unfitted one, and what it computes is what was extracted."""
    plan, root = world
    model = plan.models[0]
    fitted = open_prepared(root, model.spec.source, plan.folder, model.prepare)
    unfitted = open_prepared(root, model.spec.source, plan.folder, None)
    assert not torch.equal(fitted.first.weight, unfitted.first.weight)
    z = load_layer_rows(root, plan.rows.key, model.layers[0].extract.key).z
    from tasks.sources.data import open_data

    x = open_data(plan.study.data.source, plan.folder).batch(np.arange(5))
    torch.testing.assert_close(fitted.first(x).detach(), z[:5], atol=1e-5, rtol=1e-5)


def test_units_done_again_are_identical(world, cluster, tmp_path):
    """Units whose outputs were lost are trained again, in other groups, to the same bytes."""
    plan, root = world
    again = open_root(str(tmp_path / "root"))
    for kind in ("rows", "activations", "dimensions", "prepare"):
        shutil.copytree(root.path / kind, again.path / kind)
    shutil.copytree(
        root.folder("units", plan.units[0].train.key), again.folder("units", plan.units[0].train.key)
    )
    train(plan, again, cluster)
    for unit in plan.units:
        assert identity(again.find(unit.train).manifest) == identity(root.find(unit.train).manifest)


def test_units_of_one_shape_share_groups(world):
    """Units are grouped by shape, in enough groups for the workers, the longest first."""
    plan, root = world
    assert [len(group) for group in grouped(plan.units, root, 1)] == [4]
    assert sorted(len(group) for group in grouped(plan.units, root, 2)) == [2, 2]
    long = changed(plan.units[0], updates=99)
    assert grouped([plan.units[1], long], root, 2)[0] == [long]


def test_diverging_unit_is_named_and_the_others_are_sealed(world, cluster, tmp_path):
    """A unit that diverges is reported after all the others are sealed."""
    plan, root = world
    again = copied(root, tmp_path)
    wild = changed(plan.units[0], learning_rate=1.0, updates=60, warmup=0.0)
    units = (wild, *plan.units[1:])
    with pytest.raises(DivergedError, match="diverged by update"):
        train(plan.__class__(**{**vars(plan), "units": units}), again, cluster)
    assert [again.find(unit.train) is not None for unit in plan.units] == [False, True, True, True]


def test_model_without_a_fit_is_refused(world, cluster, tmp_path):
    """A model that is to be fitted, but whose source does not say how, is refused with the remedy."""
    from tasks.prepare_worker import Fitting, fit_and_seal

    plan, root = world
    source = plan.models[0].spec.source.model_copy(update={"import_": "shapes_world:Net"})
    fitting = Fitting(plan.models[0].prepare, source, {}, plan.study.data.source, plan.folder, plan.rows.key)
    with pytest.raises(StudyError, match="does not say how its model is fitted") as caught:
        fit_and_seal(root.url, fitting)
    assert "attribute `fit`" in caught.value.fix


def test_what_an_earlier_step_reported_is_left_out(world, cluster, tmp_path):
    """Without model, activations or dimensions nothing is begun, and nothing is called damaged."""
    plan, root = world
    without = open_root(str(tmp_path / "root"))
    shutil.copytree(root.path / "rows", without.path / "rows")
    assert extract(plan, without, cluster) == []
    estimate(plan, without, cluster)
    train(plan, without, cluster)
    assert not [kind for kind in ("activations", "dimensions", "units") if without.key_folders(kind)]


def test_claimed_steps_are_those_not_sealed(world):
    """What is sealed is not claimed; what is claimed is yielded once."""
    plan, root = world
    with claim(root, [plan.rows, plan.report]) as missing:
        assert missing == [plan.report]


def test_the_gravest_failure_is_raised():
    """A full disk among failed units ends the step; failed units alone are listed together."""
    unit = Failure(Call("a"), UnitFailed("a failed"))
    disk = Failure(Call("b"), EnvironmentProblem("no space"))
    with pytest.raises(EnvironmentProblem, match="no space"):
        refuse_failures([unit, disk], "train")
    with pytest.raises(UnitFailed, match="2 parts of the step train failed") as caught:
        refuse_failures([unit, unit], "train")
    assert "a: a failed" in caught.value.where
    with pytest.raises(InputError, match="odd"):
        refuse_failures([Failure(Call("c"), InputError("odd"))], "train")
    refuse_failures([], "train")
