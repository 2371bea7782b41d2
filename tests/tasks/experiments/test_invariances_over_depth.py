"""What several layers discard, put together in one chart."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from iin_core.metrics.score import Score
from tasks.experiments.context import StudyContext
from tasks.experiments.found import Found
from tasks.experiments.invariances_check import depth_layers, depth_problems, depth_reads
from tasks.experiments.invariances_over_depth import run
from tasks.experiments.sealing import write_found
from tasks.experiments.spec import InvariancesOverDepthSpec, InvariancesSpec
from tasks.output import open_root
from tasks.planned import PlannedExperiment
from tasks.step import Step
from tests.tasks.evaluation_world import make_world

SPEC = InvariancesOverDepthSpec()


def _table(v):
    rows = [
        (code, concept, "mlp", value, 0.25, value - 0.1, value + 0.1)
        for code, value in (("z", 1 - v), ("embedding", 1 - v), ("v", v), ("z_bar", 0.99))
        for concept in ("digit", "colour")
    ]
    return pd.DataFrame(rows, columns=["code", "concept", "probe", "accuracy", "chance", "low", "high"])


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A plan with two layers that have invariances, sealed, and a folder for figures."""
    folder = tmp_path_factory.mktemp("depth")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        made = make_world(folder, open_root(str(folder / "root")))
    plan, model = made.plan, made.plan.models[0]
    first = model.layers[0]
    layers = [replace(first, index=i, layer=name) for i, name in ((5, "late"), (2, "early"))]
    planned = []
    for layer, v in zip(layers, (0.9, 0.3), strict=True):
        titled = replace(layer, extract=replace(layer.extract, label=layer.layer))
        step = Step("experiments", 1, {"layer": layer.layer}, {}, {}, layer.layer)
        planned.append(PlannedExperiment("invariances", InvariancesSpec(), step, layer=titled, model=model))
        found = Found({"invariances/x": Score(v)}, {"invariances": _table(v)}, [], ["How to read it."])
        with made.root.begin(step) as attempt:
            attempt.seal(write_found(found, folder, attempt.path), times={})
    return replace(plan, experiments=tuple(planned)), made.root, folder


def test_layers_stand_in_the_order_in_which_they_are_called(world):
    """The table has both with their places; one panel a concept, one figure a model."""
    plan, root, folder = world
    context = StudyContext(plan, root, depth_reads(plan, plan, SPEC), SPEC, folder)
    found = run(context, SPEC)
    assert list(dict.fromkeys(found.tables["invariances"]["layer"])) == ["early", "late"]
    assert set(found.tables) == {"invariances"}
    assert [entry.file for entry in found.drawn] == ["invariances_0.svg"]
    svg = (folder / "invariances_0.svg").read_text(encoding="utf-8")
    assert svg.index("early") < svg.index("late")
    assert (
        "Of digit, classifier discards least at early (0.30 of v) and most at late (0.90)" in found.words[1]
    )
    assert found.words[1] in found.drawn[0].alt


def test_of_a_single_layer_it_is_said_what_that_discards(world):
    """There is no least and no most."""
    plan, root, folder = world
    only = InvariancesOverDepthSpec(layer="late")
    found = run(StudyContext(plan, root, depth_reads(plan, plan, only), only, folder), only)
    assert found.words[1].startswith("Of digit, what classifier discards at late tells 0.90, chance ")
    assert " least " not in " ".join(found.words)


def test_it_is_made_of_what_invariances_finds(world):
    """Globs choose layers; without any the remedy is said."""
    plan, _, _ = world
    assert depth_problems(plan, SPEC) == []
    only = InvariancesOverDepthSpec(layer="late")
    assert [planned.layer.layer for planned in depth_layers(plan, only)] == ["late"]
    [problem] = depth_problems(plan, InvariancesOverDepthSpec(model="nobody"))
    assert "ask for both" in problem
