"""`experiments:` of a study file: names alone, settings, and what is refused."""

from __future__ import annotations

import pytest

from tasks.errors import StudyError
from tasks.study_file import load_study
from tests.tasks.toy_study import write_toy


def asked(folder, text):
    return load_study(write_toy(folder, more=f"experiments: {text}\n")).study.experiments.asked()


@pytest.mark.parametrize("text", ["layers", "[layers]", "{layers: {}}", "{layers: }", "[{layers: {}}]"])
def test_a_name_alone_has_its_defaults(text, tmp_path):
    """However it is written."""
    found = asked(tmp_path, text)
    assert list(found) == ["layers"]
    assert found["layers"].model == "*"


def test_settings_choose_where(tmp_path):
    """Beside names alone in a list, or in a mapping."""
    for text in ("{layers: {model: net, layer: conv*}}", "[{layers: {model: net, layer: conv*}}]"):
        spec = asked(tmp_path, text)["layers"]
        assert (spec.model, spec.layer, spec.concepts) == ("net", "conv*", "*")


def test_nothing_is_asked_for_by_default(tmp_path):
    """Nor by an empty list."""
    assert load_study(write_toy(tmp_path)).study.experiments.asked() == {}
    assert asked(tmp_path, "[]") == {}


def test_an_unknown_experiment_has_its_nearest_name(tmp_path):
    """With the line on which it stands."""
    with pytest.raises(StudyError) as caught:
        asked(tmp_path, "[layrs]")
    assert caught.value.what == "There is no experiment 'layrs'."
    assert caught.value.fix.startswith("nearest: layers")
    assert caught.value.where.startswith("toy.yaml:8 experiments")


def test_an_unknown_setting_is_refused(tmp_path):
    """As everywhere in a study."""
    with pytest.raises(StudyError, match="The field 'modle' is not known here"):
        asked(tmp_path, "{layers: {modle: a}}")


def test_a_number_is_no_experiment(tmp_path):
    """It is said what to write."""
    with pytest.raises(StudyError) as caught:
        asked(tmp_path, "3")
    assert "name experiments, [layers]" in caught.value.fix


@pytest.mark.parametrize(
    "text", ["[layers, layers]", "[layers, {layers: {model: a}}]", "[{layers: }, layers]"]
)
def test_an_experiment_that_is_asked_for_twice_is_refused(text, tmp_path):
    """The second one would silently take the place of the first."""
    with pytest.raises(StudyError, match="The experiment 'layers' is asked for twice") as caught:
        asked(tmp_path, text)
    assert caught.value.where.startswith("toy.yaml:8 experiments")


TWICE = {
    "{response: {draw_from: [rows, rows]}}": "draw_from",
    "{edits: {strengths: [1, 0.5, 1]}}": "strengths",
    "{edits: {quantiles: [0.5, 0.5]}}": "quantiles",
    "{edits: {to: {digit: [3, 3]}}}": "digit",
}


@pytest.mark.parametrize(("text", "field"), TWICE.items(), ids=TWICE.values())
def test_a_value_that_stands_there_twice_is_refused(text, field, tmp_path):
    """It would be drawn and told twice."""
    with pytest.raises(StudyError, match="a value stands there twice") as caught:
        asked(tmp_path, text)
    assert field in caught.value.where
