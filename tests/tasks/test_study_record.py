"""Records: what a root tells of a study without its file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.errors import DamagedOutput, EnvironmentProblem, StudyError
from tasks.study_record import read_record, record_of, study_names, write_record


def test_a_record_comes_back_whole(make_study):
    """What is read is what was written: text, every step's key, layers and units."""
    study = make_study(seeds=(0, 1))
    write_record(study.plan, study.root)
    record = read_record(study.root, "small")
    assert record == record_of(study.plan)
    assert record.text == study.plan.text
    assert {step.key for step in record.keys} == {step.key for step in study.plan.steps()}
    assert [unit.name for unit in record.units] == [unit.name for unit in study.plan.units]
    assert study_names(study.root) == ["small"]


def test_a_later_run_replaces_the_record(make_study):
    """The record is that of the last run, and no half of it is ever left."""
    first, second = make_study(), make_study(layers=("other",))
    write_record(first.plan, first.root)
    path = write_record(second.plan, first.root)
    assert read_record(first.root, "small") == record_of(second.plan)
    assert [file.name for file in Path(str(path)).parent.iterdir()] == ["small.json"]


def test_why_a_run_failed_is_in_its_record(make_study):
    """Until the next run begins, which has not failed yet."""
    study = make_study()
    write_record(study.plan, study.root, ["unit 3 diverged\n  to do: less"])
    assert read_record(study.root, "small").failures == ("unit 3 diverged\n  to do: less",)
    write_record(study.plan, study.root)
    assert read_record(study.root, "small").failures == ()


def test_an_unknown_study_is_answered_with_the_nearest(make_study):
    """The message names what was run here."""
    study = make_study()
    write_record(study.plan, study.root)
    with pytest.raises(StudyError, match="No study 'smal' was run in this root") as error:
        read_record(study.root, "smal")
    assert "name one of: small" in str(error.value)


@pytest.mark.parametrize("text", ["", "{", '{"format": 1}', "[]"])
def test_a_damaged_record_is_named(make_study, text):
    """A record that cannot be read says which file, and that a run writes it anew."""
    study = make_study()
    path = write_record(study.plan, study.root)
    path.write_text(text)
    with pytest.raises(DamagedOutput, match="The record of study 'small' cannot be read") as error:
        read_record(study.root, "small")
    assert str(path) in str(error.value)


def test_a_record_of_a_newer_version_asks_for_an_upgrade(make_study):
    """It is not guessed at."""
    study = make_study()
    path = write_record(study.plan, study.root)
    path.write_text(json.dumps({"format": 2}))
    with pytest.raises(EnvironmentProblem, match="newer version of iin"):
        read_record(study.root, "small")
