"""What a layer discards, on the sealed world: a layer that has the digit and not the colour."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from iin_core.conditional_spec import ConditionalFlowSpec
from iin_core.invariance import ConditionalInterpreter
from iin_core.metrics import Score
from iin_core.spec import EvaluationSpec, ReadingSpec
from tasks.evaluate_job import Place, network_at
from tasks.experiments import EXPERIMENTS
from tasks.experiments.context import LayerContext
from tasks.experiments.invariances import run
from tasks.experiments.invariances_check import applies, code_layer, problems, reads, space_unit
from tasks.experiments.invariances_words import _independence
from tasks.experiments.job import ExperimentJob
from tasks.experiments.opened import Opened
from tasks.experiments.spec import InvariancesSpec
from tasks.layer_rows import load_layer_rows
from tasks.output import open_root
from tasks.planned import PlannedExperiment
from tasks.step import Step
from tests.tasks.evaluation_world import WORLD, make_world

FLOW = ConditionalFlowSpec(couplings=2, hidden=32, embedding=8, embedding_hidden=32)
SPEC = InvariancesSpec(updates=150, flow=FLOW, draws=4, concepts="both", shown=3, strip=2)
MEASURING = EvaluationSpec(bootstrap=20, permutations=40, probes=("linear",))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two models × three concept sets with perfect interpreters."""
    folder = tmp_path_factory.mktemp("invariances")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield make_world(folder, open_root(str(folder / "root")))


def _context(world, folder):
    """The layer `code` of the classifier, of whose rows the digit's numbers alone are left."""
    plan, root = world.plan, world.root
    model, layer = plan.models[0], plan.models[0].layers[0]
    planned = PlannedExperiment(
        "invariances",
        SPEC,
        Step("experiments", 1, {}, {}, {}, "invariances"),
        layer=layer,
        model=model,
        reads=reads(plan, layer, SPEC),
    )
    job = ExperimentJob(
        EXPERIMENTS["invariances"],
        planned,
        plan.folder,
        plan.study.data.source,
        plan.rows.key,
        plan.models,
        plan.probed,
        MEASURING,
        64,
    )
    rows = load_layer_rows(root, plan.rows.key, layer.extract.key)
    namespace: dict = {}
    exec(WORLD, namespace)
    blind = replace(rows, z=(rows.z @ namespace["TURN"])[:, :3].contiguous())
    place = Place(plan.folder, plan.study.data.source, model, plan.probed, 64)
    folder.mkdir()
    return LayerContext(
        model,
        layer,
        network_at(place, layer, root, rows.table),
        blind,
        root,
        SPEC,
        folder,
        Opened(job, root),
    )


@pytest.fixture(scope="module")
def found(world, tmp_path_factory):
    """What was found of the layer, and where figures lie."""
    folder = tmp_path_factory.mktemp("found") / "figures"
    return run(_context(world, folder), SPEC), folder


def test_the_colour_is_in_v_and_the_digit_is_not(found):
    """Scores of each concept and code, with chance and interval."""
    scores = found[0].scores
    colour, digit = scores["invariances/colour_v"], scores["invariances/digit_v"]
    assert colour.value > 0.95
    assert colour.low <= colour.value <= colour.high
    assert digit.value < 0.55
    assert scores["invariances/digit_z"].value > 0.95
    assert scores["invariances/colour_z"].value < 0.7
    assert scores["invariances/brightness_v"].value > 0.5
    assert 0 < scores["invariances/dependence_p"].value <= 1


def test_the_concept_space_says_the_same(found):
    """The digit's block is determined by the layer, the colour's is not."""
    scores = found[0].scores
    assert scores["invariances/kept_digit"].value > 0.8
    assert scores["invariances/kept_colour"].value < 0.3
    assert set(found[0].tables) == {"invariances", "independence", "concept_space"}


def test_what_is_said_has_the_numbers(found):
    """The first sentence says how to read it, and each concept has one of its own."""
    words = found[0].words
    assert words[0].startswith("v holds what the autoencoder's code says")
    colour = next(text for text in words if text.startswith("colour is read of v"))
    assert f"{found[0].scores['invariances/colour_v'].value:.2f} (" in colour
    assert "discarded" in colour
    assert any("distance correlation" in text for text in words)


def test_the_flow_is_sealed_with_it(found, tmp_path):
    """The files make the conditional interpreter again."""
    for name, data in found[0].files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    t = ConditionalInterpreter.load(tmp_path / "flow")
    assert (t.n_features, t.n_given) == (8, 3)
    v = t.encode(torch.zeros(2, 8), given=np.zeros((2, 3)))
    assert bool(v.isfinite().all())


def test_data_that_are_no_images_have_no_film_strip(found):
    """The world's examples are vectors: the chart alone is drawn."""
    drawn, folder = found[0].drawn, found[1]
    assert [entry.file for entry in drawn] == ["invariances.svg"]
    assert (folder / "invariances.svg").stat().st_size > 1000
    assert "colour" in drawn[0].alt


def test_the_code_is_found_by_itself_or_named(world):
    """The model with a decoder has it; its layer is left out, and its unit gives the concept space."""
    plan = world.plan
    code = code_layer(plan, InvariancesSpec())
    assert (code.model, code.layer) == ("decoder", "code")
    assert applies(plan, code, SPEC).startswith("it is the code itself")
    assert applies(plan, plan.models[0].layers[0], SPEC) == ""
    assert space_unit(plan, SPEC).concepts == "both"
    assert space_unit(plan, InvariancesSpec(concepts="none")) is None
    assert code_layer(plan, InvariancesSpec(autoencoder="classifier")).model == "classifier"
    assert problems(plan, SPEC) == []


def test_what_it_lacks_is_said_before_any_compute(world):
    """No autoencoder, several codes, an odd code."""
    plan = world.plan
    assert "There is no autoencoder" in problems(plan, InvariancesSpec(code="elsewhere"))[0]
    pooled = _with_layer(plan, reading=ReadingSpec(pool="mean"), lossless=False)
    assert "There is no autoencoder" in problems(pooled, SPEC)[0]
    assert "an odd number" in problems(_with_layer(plan, n=7), SPEC)[0]
    second = plan.models[1]
    twice = replace(second, layers=(*second.layers, replace(second.layers[0], layer="other")))
    several = replace(plan, models=(plan.models[0], twice))
    assert "Several layers could be the code: decoder/code, decoder/other" in problems(several, SPEC)[0]
    assert problems(several, InvariancesSpec(code="other")) == []
    assert "there are: both, brightness" in problems(plan, InvariancesSpec(concepts="nobody"))[0]


def _with_layer(plan, **changes):
    second = plan.models[1]
    layers = (replace(second.layers[0], **changes),)
    return replace(plan, models=(plan.models[0], replace(second, layers=layers)))


def test_rows_that_are_several_an_example_are_left_out(world):
    """A code has one row an example."""
    layer = replace(world.plan.models[0].layers[0], n_rows=960)
    assert "several rows an example" in applies(world.plan, layer, SPEC)


@pytest.mark.parametrize(("p", "critic", "said"), [(0.05, 0.5, True), (0.5, 0.05, True), (0.2, 0.5, False)])
def test_the_least_p_that_few_exchanges_can_give_is_told_as_dependence(p, critic, said):
    """Of either test: with 19 exchanges 0.05 is the least, and no dependence would ever be told."""
    nats = SimpleNamespace(nats=Score(0.2), cap=5.0, p_value=critic)
    tests = SimpleNamespace(distance_correlation=SimpleNamespace(score=Score(0.1), p_value=p), nats=nats)
    sentence = _independence(tests)
    assert ("v is not independent of z" in sentence) == said
    assert ("no dependence of v on z is found" in sentence) != said
