"""Codes that are too wide for their held-out rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tasks.check import checked_plan
from tasks.check_width import few_rows, too_few_rows
from tasks.errors import StudyError
from tasks.plan import make_plan
from tasks.study_file import load_study
from tests.tasks.toy_study import write_toy


def _widened(plan, n, **flow):
    """The plan with its last layer N wide."""
    last = plan.units[-1].layer
    changed = {"layer": replace(last, n=n), "flow": plan.units[-1].flow.model_copy(update=flow)}
    units = [
        replace(unit, settings=replace(unit.settings, **changed)) if unit.layer == last else unit
        for unit in plan.units
    ]
    return replace(plan, units=tuple(units))


def test_layers_with_less_than_four_rows_a_dimension_are_named(make_study):
    """Each once, with its width, what follows and how to have enough."""
    found = few_rows(_widened(make_study(seeds=(0, 1)).plan, 100), 399)
    assert "399 held-out rows are few for codes of so many dimensions: 'fc' of 'net' 100." in found.what
    assert "leaks look smaller than they are" in found.what
    assert "give 400 held-out rows or more" in found.fix
    assert "flow: {front_dims: 98}" in found.fix


def test_enough_rows_or_a_narrow_front_or_narrow_layers_are_fine(make_study):
    """What counts is the code's width, not the layer's; sixteen dimensions are never too many."""
    plan = make_study().plan
    assert few_rows(_widened(plan, 100), 400) is None
    assert few_rows(_widened(plan, 3000, front_dims=100), 400) is None
    assert few_rows(_widened(plan, 3000, front="none", front_dims=100), 400) is not None
    assert few_rows(_widened(plan, 16), 5) is None


def test_the_check_warns_and_the_study_runs(tmp_path):
    """With the line of the data."""
    path = write_toy(tmp_path)
    code = tmp_path / "toy_code.py"
    code.write_text(
        code.read_text().replace("nn.Linear(8, 6)", "nn.Linear(36, 6)").replace("(6, 8)", "(6, 36)")
    )
    _, (found,) = checked_plan(load_study(path))
    assert found.level == "warning"
    assert "15 held-out rows are few for codes of so many dimensions: 'a' of 'model' 36." in found.what
    assert found.where == "toy.yaml:3 data"


def test_fewer_training_rows_than_dimensions_are_refused(tmp_path):
    """With both numbers, and a front that would do."""
    path = write_toy(tmp_path)
    code = tmp_path / "toy_code.py"
    code.write_text(
        code.read_text().replace("nn.Linear(8, 6)", "nn.Linear(40, 6)").replace("(6, 8)", "(6, 40)")
    )
    with pytest.raises(StudyError, match="36 training rows are fewer than the 40 dimensions") as caught:
        checked_plan(load_study(path))
    assert "layer 'a' of 'model'" in caught.value.what
    assert "toy.yaml:5 layers.a" in caught.value.where
    assert "flow: {front_dims: 8}" in caught.value.fix


def test_a_wide_layer_of_few_rows_is_fine_where_its_front_follows_them(tmp_path):
    """Such a front keeps sixteen directions at least; one that is told what to keep needs rows for all."""
    loaded = load_study(write_toy(tmp_path))
    plan = make_plan(loaded)
    assert not [*too_few_rows(loaded, _widened(plan, 3000), 40)]
    (found,) = too_few_rows(loaded, _widened(plan, 3000), 15)
    assert "15 training rows are fewer than the 16 dimensions" in found.what
    (found,) = too_few_rows(loaded, _widened(plan, 3000, front_dims=100), 40)
    assert "40 training rows are fewer than the 100 dimensions" in found.what
