"""Gates on scores that no unit and no experiment of a study can have: refused before compute."""

from __future__ import annotations

import pytest

from tasks.check import check_study
from tasks.experiments import EXPERIMENTS
from tasks.experiments.score_keys import can_be, experiment_of
from tests.tasks.edits_world import HEADS, STUDY, write_study

ASKED = "{response: {concepts: all}, layers: {concepts: all}}\ngates: [{score: SCORE, at_least: 0}]"
REFUSED = {
    "response/shpae_tv": ("No 'network response' of this study has a score", "nearest: response/shape_tv"),
    "response/shape_tvv": ("has a score 'response/shape_tvv'", "nearest: response/shape_tv"),
    "compared/01 code/shape/explaned": ("No 'layers compared' of this study", "nearest: compared/"),
    "walks/shape_beyond": ("of the experiment 'walks', which the study does not ask for", "add 'walks'"),
    "respons/shape_tv": ("There is no score 'respons/shape_tv'", "response/…"),
    "response/shape_tv, concepts: none": ("is not done where this gate looks", "response · 01 code · all"),
}
FOUND = (
    "response/shape_tv",
    "response/all_kl_low",
    "response/ink by the reader/residual_class_std",
    "compared/01 code/weight/carried",
    "score/mig",
)


@pytest.fixture
def found(tmp_path, monkeypatch):
    """What the check says of a study with this gate."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def check(score):
        loaded = write_study(tmp_path, ASKED.replace("SCORE", score), model="Named", seen=HEADS)
        return [finding for finding in check_study(loaded) if finding.level == "error"]

    return check


@pytest.mark.parametrize(("score", "said"), REFUSED.items(), ids=REFUSED)
def test_it_is_refused(score, said, found):
    """With the nearest name, the line, and exit code 2."""
    (finding,) = found(score)
    assert said[0] in finding.what
    assert said[1] in finding.fix
    assert "gates[0]" in finding.where
    assert finding.exit_code == 2


@pytest.mark.parametrize("score", FOUND)
def test_a_score_that_can_be_is_no_finding(score, found):
    """Of factors, of outputs that only the running model names, with what stands beside a score."""
    assert found(score) == []


ENDS = {
    "response/shape_tv_low": "it is an end of an interval, and with `bootstrap: 0` 'response · 01 code · all",
    "response/ink by the reader/shape_tv_high": "it is an end of an interval",
    "score/mig_low": "with `bootstrap: 0` '01 code · all · seed 0' has none",
    "mig_high, concepts: all": "has none",
}


@pytest.mark.parametrize(("score", "said"), ENDS.items(), ids=ENDS)
def test_an_end_of_an_interval_that_is_not_made_is_refused(score, said, found, monkeypatch):
    """With what to do; the score itself may be asked for."""
    monkeypatch.setattr("tests.tasks.edits_world.STUDY", STUDY.replace("bootstrap: 50", "bootstrap: 0"))
    (finding,) = found(score)
    assert "can never be met" in finding.what
    assert said in finding.what
    assert "set `evaluation: bootstrap`" in finding.fix
    assert finding.exit_code == 2


@pytest.mark.parametrize(
    "score", ["response/shape_tv", "mig", "dependence/hsic_low", "compared/01 code/weight/carried_low"]
)
def test_what_needs_no_bootstrap_is_no_finding(score, found, monkeypatch):
    """Values, intervals of left-out groups, spreads over seeds."""
    monkeypatch.setattr("tests.tasks.edits_world.STUDY", STUDY.replace("bootstrap: 50", "bootstrap: 0"))
    assert found(score) == []


def test_only_the_units_that_a_gate_looks_at_count(found, monkeypatch):
    """Where others make no interval the gate can be met all the same."""
    none = STUDY.replace("}]\nexp", "}, {concepts: none, evaluation: {bootstrap: 0}}]\nexp")
    monkeypatch.setattr("tests.tasks.edits_world.STUDY", none)
    assert found("mig_low, concepts: all") == []
    assert len(found("mig_low")) == 1


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_each_experiment_says_what_its_scores_are_called(name):
    """By their first part it is known of which experiment a score is."""
    templates = EXPERIMENTS[name].scores
    assert templates
    assert {experiment_of(template) for template in templates} == {name}


def test_names_are_taken_as_they_are():
    """Brackets in the name of a concept are no pattern."""
    assert can_be("walks/a[b]_beyond", ["walks/a[b]_beyond"])
    assert not can_be("walks/ab_beyond", ["walks/a[b]_beyond"])
