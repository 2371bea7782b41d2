"""Two models side by side, from outputs in the form in which the steps leave them."""

from __future__ import annotations

import dataclasses
import math

import pytest

from iin_core.metrics.score import Score
from tasks.compare import Comparison, compare, open_side
from tasks.errors import StudyError
from tasks.experiments.found import Found
from tasks.output import open_root
from tasks.report.difference import headline, render_difference
from tasks.study_record import write_record
from tests.tasks import report_world
from tests.tasks.html_page import Page
from tests.tasks.report_experiments_world import experiments_world
from tests.tasks.report_world import Names, make_report_world

LAYER = "bottleneck"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A study whose two models have a layer of one name, read with 0.70 and 0.97 for the digit."""
    opened = open_root(str(tmp_path_factory.mktemp("compare")))
    world = make_report_world(opened, Names(layer=LAYER))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(report_world.READ, LAYER, (0.70, 0.98, 0.97))
        for unit in world.plan.units:
            if unit.model == "classifier":
                world.seal_unit(unit)
    for unit in world.plan.units:
        if unit.model != "classifier":
            world.seal_unit(unit)
    write_record(world.plan, opened)
    return opened


@pytest.fixture(scope="module")
def found(root) -> Comparison:
    """The classifier against the autoencoder."""
    return compare(root, open_side(root, "digits:classifier"), open_side(root, "digits:autoencoder"))


def test_what_differs_by_more_than_its_interval_is_said(found):
    """0.97 against 0.70 lies apart with the joint interval; 0.99 against 0.98 does not."""
    read = found.read.set_index(["layer", "concept"])
    digit, colour = read.loc[(LAYER, "digit")], read.loc[(LAYER, "colour")]
    assert digit["difference"] == pytest.approx(0.27)
    half = math.hypot(0.02, 0.02)
    assert (digit["low"], digit["high"]) == pytest.approx((0.27 - half, 0.27 + half))
    assert bool(digit["apart"])
    assert colour["difference"] == pytest.approx(0.01)
    assert not colour["apart"]
    assert str(headline(found)).startswith("1 of 3 concepts in layers")


def test_the_other_way_round_only_the_signs_change(root, found):
    """B − A is −(A − B), with the same width."""
    back = compare(root, found.sides[1], found.sides[0])
    assert back.read["difference"].tolist() == pytest.approx((-found.read["difference"]).tolist())
    assert back.read["low"].tolist() == pytest.approx((-found.read["high"]).tolist())
    assert back.alone == found.alone[::-1]


def test_scores_are_means_over_seeds(found):
    """The headline unit has two seeds on one side; budgets are never mixed."""
    scores = found.scores
    assert not scores[scores["budget"] == "full"].size
    only = [unit for unit in found.alone[1] if "seed 1" in unit]
    assert only == [f"{LAYER} · digit+colour · seed 1"]


def test_a_study_equals_itself(root):
    """Nothing lies apart, nothing is alone, and no setting differs."""
    same = compare(root, open_side(root, "digits"), open_side(root, "digits"))
    assert len(same.read) > 0
    assert not same.read["apart"].any()
    assert same.alone == ([], [])
    assert same.settings == []
    assert "Nothing that both have lies apart" in render_difference(same)


def test_the_page_needs_nothing_but_itself(found):
    """A policy that allows no request, an alternative text for each picture, both names in the title."""
    html = render_difference(found)
    page = Page(html)
    policy = next(e for e in page.all("meta") if e.attributes.get("http-equiv") == "Content-Security-Policy")
    assert policy.attributes["content"].startswith("default-src 'none'")
    assert all(image.attributes["alt"] for image in page.all("img"))
    assert "digits:classifier" in html
    assert "+0.27" in html


def test_a_side_that_is_not_there_is_refused_in_words(root):
    """The nearest names are shown."""
    with pytest.raises(StudyError) as error:
        open_side(root, "digits:autoencodr")
    assert "has no model 'autoencodr'" in error.value.what
    assert "autoencoder" in (error.value.fix or "")
    with pytest.raises(StudyError, match="No study 'digit' was run"):
        open_side(root, "digit")


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A root where an experiment found 0.5 of one model and 0.9 of the other."""

    def _found(label, folder):
        value = 0.9 if "autoencoder" in label else 0.5
        scores = {"norms/a": Score(value, low=value - 0.1, high=value + 0.1), "norms/b": Score(float("nan"))}
        return Found(scores, {}, [], [f"How to read {label}."])

    opened = open_root(str(tmp_path_factory.mktemp("asked")))
    with experiments_world(opened, tmp_path_factory.mktemp("drawn"), _found) as world:
        write_record(world.plan, opened)
        yield opened


def test_experiments_of_two_models_are_set_side_by_side(asked):
    """By the name of the score, with the interval of the difference; what has no value is left out."""
    found = compare(asked, open_side(asked, "digits:classifier"), open_side(asked, "digits:autoencoder"))
    (row,) = found.experiments[found.experiments["layer"] == ""].to_dict("records")
    assert (row["experiment"], row["score"]) == ("model", "norms/a")
    assert (row["a"], row["b"], row["difference"]) == pytest.approx((0.5, 0.9, 0.4))
    assert row["high"] - row["low"] == pytest.approx(2 * math.hypot(0.1, 0.1))
    assert row["apart"]
    assert "1 of 1 scores of experiments lie apart." in str(headline(found))
    page = Page(render_difference(found))
    assert any("Scores of the experiments" in summary.text for summary in page.all("summary"))


def test_an_experiment_that_one_side_was_not_asked_for_is_named(asked, root):
    """Once, however many units it would be done on."""
    found = compare(asked, open_side(asked, "digits"), open_side(asked, "digits:classifier"))
    assert not [label for label in found.alone[0] if label.startswith("experiment ")]
    record = dataclasses.replace(found.sides[0].record, experiments=())
    without = dataclasses.replace(found.sides[0], record=record)
    named = compare(asked, found.sides[0], without).alone[0]
    assert [label for label in named if label.startswith("experiment ")] == [
        "experiment layer",
        "experiment model",
        "experiment norms",
    ]
