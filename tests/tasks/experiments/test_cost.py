"""What experiments are expected to take, before any of them ran."""

from __future__ import annotations

import dataclasses

import pytest

from tasks.data_sizes import DataSizes
from tasks.experiments import EXPERIMENTS
from tasks.experiments.cost import experiment_seconds, scaled
from tasks.experiments.planning import with_experiments
from tasks.experiments.spec import ExperimentsSpec, InterpolationSpec, ResponseSpec, SamplingSpec
from tasks.output import open_root
from tests.tasks.evaluation_world import make_world

SIZES = DataSizes(6000, 2000, {"digit": 10})


@pytest.fixture
def expected(tmp_path, monkeypatch):
    """Seconds of the experiment of this name with these settings, on the first unit of the world."""
    plan = make_world(tmp_path, open_root(str(tmp_path / "root"))).plan
    outside = {model.name: {"model": "m"} for model in plan.models}
    monkeypatch.setattr("tasks.experiments.planning.why_not", lambda *_: "")
    monkeypatch.setattr("tasks.experiments.planning.resolved", lambda name: lambda *_: {})

    def seconds(name, spec, sizes=SIZES):
        monkeypatch.setattr(ExperimentsSpec, "asked", lambda self: {name: spec})
        found = with_experiments(dataclasses.replace(plan, sizes=sizes, experiments=()), outside, 1)
        return experiment_seconds(found, found.experiments[0])

    return seconds


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_has_an_estimate(name, expected):
    """With its default settings: more than nothing, less than an hour on two thousand rows."""
    spec = ExperimentsSpec.model_fields[name].annotation.__args__[0]()
    assert 0 < expected(name, spec) < 3600


def test_it_grows_with_rows_and_settings(expected):
    """More draws, pairs or samples take longer; rows that are not there take nothing."""
    short, long = (expected("response", ResponseSpec(draws=draws)) for draws in (16, 160))
    assert 5 < (long - 0.3) / (short - 0.3) < 11
    assert expected("interpolation", InterpolationSpec(pairs=640)) > expected(
        "interpolation", InterpolationSpec()
    )
    assert expected("sampling", SamplingSpec(vae=True)) > 10 * expected("sampling", SamplingSpec(n=500))
    few = DataSizes(100, 50, {})
    assert expected("response", ResponseSpec(bases=2000), few) == expected(
        "response", ResponseSpec(bases=50), few
    )


def test_what_ran_before_corrects_it():
    """By the middle of how far earlier estimates were off; by the middle of the times where none was made."""
    assert scaled(10.0, [(4.0, 2.0), (9.0, 3.0), (8.0, 2.0)]) == 30.0
    assert scaled(10.0, [(4.0, None), (6.0, None), (5.0, None)]) == 5.0
    assert scaled(None, [(4.0, 2.0)]) == 4.0
    assert scaled(10.0, []) == 10.0
    assert scaled(None, []) is None
