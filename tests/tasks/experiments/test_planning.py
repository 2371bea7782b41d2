"""Experiments in a plan: where they are done, what their keys depend on, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tasks.check import check_study
from tasks.experiments import EXPERIMENTS
from tasks.experiments.spec import ExperimentSpec
from tasks.plan import make_plan
from tasks.study_file import load_study
from tests.tasks.experiments_world import LAYER, MODEL, NORMS, asked_for
from tests.tasks.toy_study import write_toy


class Settings(ExperimentSpec):
    """With a setting of its own."""

    draws: int = 3


@pytest.fixture(autouse=True)
def code(monkeypatch, tmp_path_factory):
    """The module of the tiny experiments."""
    from tests.tasks.experiments_world import CODE

    folder = tmp_path_factory.mktemp("code")
    (folder / "tiny_experiments.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(folder))


def plan_of(folder, *changes, more="", **asked):
    with asked_for(**asked):
        return make_plan(load_study(write_toy(folder, *changes, more=more)))


def keys(plan):
    return {planned.step.label: planned.step.key for planned in plan.experiments}


def test_each_scope_has_its_own_steps(tmp_path):
    """Units that cannot have it are left out; steps stand behind evaluations and before the report."""
    plan = plan_of(tmp_path, norms=Settings(), layer=Settings(layer="b"), model=Settings())
    assert list(keys(plan)) == [
        "norms · 01 a · both · seed 0",
        "norms · 01 a · digit · seed 0",
        "norms · 02 b · both · seed 0",
        "norms · 02 b · digit · seed 0",
        "layer · 02 b",
        "model · model",
    ]
    kinds = list(dict.fromkeys(step.kind for step in plan.steps()))
    assert kinds[-3:] == ["evaluations", "experiments", "report"]
    assert set(keys(plan).values()) <= set(plan.report.inputs.values())


def test_asking_for_experiments_keys_nothing_anew_but_the_report(tmp_path):
    """Rows, activations, units and evaluations are as they were without."""
    before, after = plan_of(tmp_path), plan_of(tmp_path, norms=Settings())
    assert {s.key for s in before.steps() if s.kind != "report"} <= {s.key for s in after.steps()}
    assert before.report.key != after.report.key


def test_a_key_holds_the_settings_but_not_the_globs(tmp_path):
    """Choosing more layers does none of them again; another setting does."""
    norms = "norms · 01 a · both · seed 0"
    plain = keys(plan_of(tmp_path, norms=Settings()))[norms]
    assert keys(plan_of(tmp_path, norms=Settings(layer="a")))[norms] == plain
    assert keys(plan_of(tmp_path, norms=Settings(draws=4)))[norms] != plain


@pytest.mark.parametrize(
    ("old", "new", "moved"),
    [
        ("updates: 20", "updates: 21", {"norms"}),
        ("training:", "head: digit\ntraining:", {"norms", "layer", "model"}),
        ("toy_code:data", "{import: toy_code:data, split: {seed: 1}}", {"norms", "layer", "model"}),
        ("name: toy", "name: toy\nevaluation: {pairs: 50}", set()),
        ("name: toy", "name: toy\nevaluation: {bootstrap: 50}", {"norms", "layer", "model"}),
        ("name: toy", "name: other\nresources: {experiments: {cpus: 2}}", set()),
    ],
)  # fmt: skip
def test_a_key_holds_what_is_read(old, new, moved, tmp_path):
    """Training reaches units alone; readers, rows and the making of intervals reach all."""
    asked = {"norms": Settings(), "layer": Settings(), "model": Settings()}
    before = keys(plan_of(tmp_path, **asked))
    after = keys(plan_of(tmp_path, (old, new), **asked))
    assert {label.split(" ")[0] for label in before if before[label] != after[label]} == moved


def test_a_version_keys_one_experiment_anew(tmp_path, monkeypatch):
    """The others stay as they are."""
    before = plan_of(tmp_path, layer=Settings(), model=Settings())
    with asked_for(layer=Settings(), model=Settings()):
        monkeypatch.setitem(EXPERIMENTS, "model", replace(MODEL, version=2))
        after = make_plan(load_study(write_toy(tmp_path)))
    assert {label for label, key in keys(after).items() if keys(before)[label] != key} == {"model · model"}


def test_a_glob_that_matches_nothing_is_refused(tmp_path):
    """With the field, its value and the nearest name."""
    with asked_for(norms=Settings(layer="bb")):
        (found,) = check_study(load_study(write_toy(tmp_path)))
    assert found.what == "Experiment 'norms' has nothing to work on: no layer is called 'bb'."
    assert found.fix == "nearest: b"
    assert found.exit_code == 2


def test_what_no_unit_can_have_is_refused_and_what_some_cannot_is_said(tmp_path):
    """The reason stands in both."""
    with asked_for(norms=Settings(concepts="none")):
        (found,) = check_study(load_study(write_toy(tmp_path)))
    assert found.what == (
        "Experiment 'norms' can be done on none of the chosen units: it has no concepts "
        "(01 a · none · seed 0, 02 b · none · seed 0)."
    )
    assert "`experiments`" in found.fix
    with asked_for(norms=Settings()):
        (caution,) = check_study(load_study(write_toy(tmp_path)))
    assert caution.level == "warning"
    assert caution.what.startswith("Experiment 'norms' leaves out 2 of 6 units: it has no concepts (")


def test_its_own_problems_are_refused(tmp_path, monkeypatch):
    """A sentence of `problems` becomes an error at its line."""
    with asked_for(layer=Settings()):
        wrong = replace(LAYER, problems="tiny_experiments:asked_twice")
        monkeypatch.setitem(EXPERIMENTS, "layer", wrong)
        (found,) = check_study(load_study(write_toy(tmp_path)))
    assert (found.level, found.what) == ("error", "This experiment is never right.")


def test_norms_are_of_units():
    """The tiny experiments are what these tests take them for."""
    assert (NORMS.scope, LAYER.scope, MODEL.scope) == ("unit", "layer", "model")
