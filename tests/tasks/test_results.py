"""Results: the table of scores and a study opened in a notebook."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import torch

from tasks.errors import DamagedOutput, EnvironmentProblem, StudyError
from tasks.results import open_study, score_table
from tasks.study_record import write_record


def test_every_unit_has_a_row(make_study):
    """Units without an evaluation are rows with their status; scores that are not there are NaN."""
    study = make_study()
    units = study.plan.units
    study.seal_unit(units[0])
    study.seal_training(units[1])
    table = score_table(study.plan, study.root)
    assert list(table["status"]) == ["evaluated", "trained", "missing", "missing"]
    assert list(table["layer"]) == [unit.layer.layer for unit in units]
    assert list(table["headline"]) == [False, False, True, False]
    assert table["score/joint_reader"][0] == 0.9
    assert table["score/joint_reader"][1:].isna().all()
    assert all(kind == "float64" for name, kind in table.dtypes.items() if name.startswith("score/"))


def test_a_score_that_is_not_applicable_is_nan(make_study):
    """It is neither 0 nor left out."""
    study = make_study(sets=("digit", "none"))
    study.seal_all()
    table = score_table(study.plan, study.root).set_index(["layer", "concepts"])
    assert math.isnan(table.loc[("fc", "none"), "score/joint_reader"])
    assert table.loc[("fc", "none"), "score/nll_per_dim"] == 0.4


def test_a_study_without_results_is_a_table(make_study):
    """Nothing sealed: rows with the status missing, no scores."""
    study = make_study()
    table = score_table(study.plan, study.root)
    assert set(table["status"]) == {"missing"}
    assert not [name for name in table if name.startswith("score/")]


def test_a_damaged_evaluation_is_named(make_study):
    """A missing file is an error with its name, not a missing score."""
    study = make_study()
    output = study.seal_unit(study.plan.units[0])
    output.file("scores.json").unlink()
    with pytest.raises(DamagedOutput, match=r"scores\.json"):
        score_table(study.plan, study.root)


def test_open_study(make_study):
    """Scores, rows and interpreters are found by the study's name, without its file."""
    study = make_study(seeds=(0, 1))
    study.seal_all()
    study.seal_activations(study.plan.models[0].layers[1])
    write_record(study.plan, study.root)
    opened = open_study(study.root.url, "small")
    assert repr(open_study(Path(study.root.url), "small")) == repr(opened)
    assert repr(opened).endswith(": 2 layers, 8 units>")
    activations = opened.activations("fc")
    assert (activations.shape, activations.dtype) == ((len(opened.rows), 6), "float32")
    assert list(activations[:, 0]) == list(range(20))
    assert opened.scores.equals(score_table(study.plan, study.root))
    assert list(opened.rows.columns) == ["source", "split", "digit", "colour"]
    z = torch.randn(3, 6)
    first = opened.interpreter("fc", "digit+colour", seed=0)
    assert first.blocks.dims == {"residual": 2, "digit": 2, "colour": 2}
    assert not torch.equal(first.encode(z), opened.interpreter("net/fc", "digit+colour", seed=1).encode(z))


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (("fcc", "none", 0), "The study has no layer 'fcc'"),
        (("fc", "digits+colour", 0), "Layer 'fc' has no unit of concept set 'digits+colour'"),
        (("fc", "none", 7), "Layer 'fc' has no unit of seed 7"),
    ],
)
def test_unknown_units_are_answered_with_what_there_is(make_study, wanted, says):
    """The message names the nearest."""
    study = make_study()
    write_record(study.plan, study.root)
    with pytest.raises(StudyError, match=re.escape(says)) as error:
        open_study(study.root, "small").interpreter(*wanted)
    assert any(name in str(error.value) for name in ("name one of: fc", "digit+colour", "name one of: 0"))


def test_a_layer_of_two_models_needs_its_model(make_study):
    """Which of them is meant is asked, not guessed."""
    study = make_study()
    write_record(study.plan, study.root)
    opened = open_study(study.root, "small")
    twin = opened.record.layers[0].__class__(**{**vars(opened.record.layers[0]), "model": "other"})
    record = opened.record.__class__(**{**vars(opened.record), "layers": (*opened.record.layers, twin)})
    with pytest.raises(StudyError, match="Several models have layer 'conv1'") as error:
        opened.__class__(opened.root, record).activations("conv1")
    assert "net/conv1, other/conv1" in str(error.value)


def test_what_is_not_trained_is_said(make_study):
    """An interpreter that does not exist yet is an error that says to run the study."""
    study = make_study()
    write_record(study.plan, study.root)
    with pytest.raises(DamagedOutput, match="is not there"):
        open_study(study.root, "small").interpreter("fc", "none")


def test_a_folder_that_is_no_root(tmp_path):
    """Nothing is made of it."""
    with pytest.raises(EnvironmentProblem, match="not the root of any study"):
        open_study(str(tmp_path), "small")
    assert not list(tmp_path.iterdir())
