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
from tasks.prepare_worker import open_prepared
from tasks.train import train
from tasks.train_groups import grouped
from tasks.train_worker import open_interpreter
from tests.tasks.trained_world import changed, copied


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
    units = [changed(unit, penalties={}) for unit in plan.units]
    assert [len(group) for group in grouped(units, root, 1)] == [4]
    assert sorted(len(group) for group in grouped(units, root, 2)) == [2, 2]
    long = changed(plan.units[0], updates=99)
    assert grouped([plan.units[1], long], root, 2)[0] == [long]


def test_diverging_unit_is_named_and_the_others_are_sealed(world, cluster, tmp_path):
    """A unit that diverges is reported after all the others are sealed."""
    plan, root = world
    again = copied(root, tmp_path)
    # A correlation so close to 1 that a pair's likelihood is not finite.
    factors = {
        name: spec.model_copy(update={"rho": 1 - 1e-9}) for name, spec in plan.units[0].factors.items()
    }
    units = (replace(plan.units[0], factors=factors), *plan.units[1:])
    with pytest.raises(DivergedError, match="diverged by update 10: 10 updates had no finite loss"):
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
    said = [Failure(Call("a"), UnitFailed("a: ValueError", fix=fix)) for fix in ("mend", "more", "mend")]
    with pytest.raises(UnitFailed) as caught:
        refuse_failures(said, "train")
    assert caught.value.where.splitlines()[0] == "a: ValueError"
    assert caught.value.fix.split() == ["mend", "more"]
    with pytest.raises(InputError, match="odd"):
        refuse_failures([Failure(Call("c"), InputError("odd"))], "train")
    refuse_failures([], "train")
