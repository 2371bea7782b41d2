"""Gates: bars that scores must reach; what is not there has not reached them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tasks.experiments.planning import with_experiments
from tasks.gates import check_gates


@pytest.mark.parametrize(
    ("gate", "passed"),
    [
        ({"score": "score/joint_reader", "at_least": 0.9}, True),
        ({"score": "joint_reader", "at_least": 0.9}, True),
        ({"score": "score/joint_reader", "at_least": 0.91}, False),
        ({"score": "leakage/mlp_worst", "at_most": 0.2}, True),
        ({"score": "leakage/mlp_worst", "at_most": 0.19}, False),
        ({"score": "score/mig", "at_least": 0.4, "at_most": 0.6}, True),
        ({"score": "score/mig", "at_least": 0.4, "at_most": 0.45}, False),
    ],
)
def test_a_bar_is_reached_or_not(make_study, gate, passed):
    """A score on the bar has reached it; with two bars both hold."""
    study = make_study(layers=("fc",), sets=("digit",), gates=(gate,))
    study.seal_all()
    (verdict,) = check_gates(study.plan, study.root)
    assert verdict.passed is passed
    assert verdict.unit == study.plan.units[0].name


def test_a_gate_looks_at_the_units_it_matches(make_study):
    """Globs of model, layer and concepts choose; each matching unit has its own verdict."""
    gate = {"score": "score/nll_per_dim", "at_most": 1.0, "layer": "f*"}
    study = make_study(seeds=(0, 1), gates=(gate,))
    study.seal_all()
    verdicts = check_gates(study.plan, study.root)
    assert {verdict.unit for verdict in verdicts} == {
        unit.name for unit in study.plan.units if unit.layer.layer == "fc"
    }
    assert all(verdict.passed for verdict in verdicts)


def test_what_is_not_there_fails_with_the_reason(make_study):
    """Not applicable, no such score, not evaluated, nothing matched: each fails and says why."""
    gates = [
        {"score": "score/joint_reader", "at_least": 0.1, "concepts": "none"},
        {"score": "score/joint_raeder", "at_least": 0.1, "concepts": "digit"},
        {"score": "score/mig", "at_least": 0.1, "layer": "conv1", "concepts": "digit"},
        {"score": "score/mig", "at_least": 0.1, "layer": "conv9"},
    ]
    study = make_study(layers=("fc", "conv1"), sets=("digit", "none"), gates=tuple(gates))
    for unit in study.plan.units[:2]:
        study.seal_unit(unit)
    verdicts = check_gates(study.plan, study.root)
    assert not any(verdict.passed for verdict in verdicts)
    said = "\n".join(str(verdict) for verdict in verdicts)
    assert "not applicable: there is no concept whose pairs could be swapped (at least 0.1)" in said
    assert "there is no such score; the nearest are score/joint_reader" in said
    assert "gate FAILED: score/mig of 02 conv1 · digit · seed 0: the unit has not been evaluated" in said
    assert "no unit matches" in said


def test_a_study_without_gates_has_no_verdicts(make_study):
    """Nothing is asked, nothing fails."""
    study = make_study()
    assert check_gates(study.plan, study.root) == []


def asked(study):
    """The plan with the experiments of its study."""
    return replace(study, plan=with_experiments(study.plan, {"net": {"model": "m"}}, 1))


def seal(study, planned, scores, **why):
    """What an experiment leaves, as far as gates read it."""
    with study.root.begin(planned.step) as attempt:
        (attempt.path / "scores.json").write_text(json.dumps(scores))
        (attempt.path / "why.json").write_text(json.dumps(why))
        attempt.seal({}, times={})


def test_a_gate_looks_at_the_experiments_it_matches(make_study):
    """A score that begins with an experiment's name is that of its outputs; each has its own verdict."""
    gate = {"score": "response/digit_tv", "at_least": 0.5, "concepts": "digit"}
    made = make_study(
        layers=("fc", "conv1"),
        sets=("digit", "none"),
        gates=(gate, {"score": "response/digit_tv_low", "at_least": 0.5, "layer": "fc", "concepts": "digit"}),
        experiments={"response": {}},
    )
    study = asked(made)
    fc, conv1 = (planned for planned in study.plan.experiments if planned.unit.concepts == "digit")
    seal(study, fc, {"response/digit_tv": 0.6, "response/digit_tv_low": 0.4})
    verdicts = check_gates(study.plan, study.root)
    assert [verdict.passed for verdict in verdicts] == [True, False, False]
    assert {verdict.step for verdict in verdicts} == {"experiments"}
    assert str(verdicts[0]) == f"gate passed: response/digit_tv of {fc.step.label}: 0.6 (at least 0.5)"
    assert f"response/digit_tv of {conv1.step.label}: the experiment has not been done" in str(verdicts[1])
    seal(study, conv1, {"response/digit_tv": None}, **{"response/digit_tv": "no digit"})
    assert "not applicable: no digit (at least 0.5)" in str(check_gates(study.plan, study.root)[1])


def test_an_experiment_of_the_study_is_one(make_study):
    """It is of no model: globs that choose one do not match it, which fails."""
    gate = {"score": "compared/01 fc/digit/explained", "at_least": 0.5}
    gates = (gate, {**gate, "layer": "fc"})
    study = asked(make_study(layers=("fc",), sets=("digit",), gates=gates, experiments={"layers": {}}))
    seal(study, study.plan.experiments[0], {gate["score"]: 0.7})
    passed, failed = check_gates(study.plan, study.root)
    assert (passed.passed, passed.unit) == (True, "layers · small")
    assert (failed.passed, failed.reason) == (False, "no experiment matches")
