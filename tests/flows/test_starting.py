"""`iin init`: what it writes is a study."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.starting import EXAMPLES, write_study
from tasks.errors import EnvironmentProblem, StudyError
from tasks.study_file import load_study


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("name", [None, "my-study", "7"])
def test_what_is_written_is_a_valid_study(example: str, name: str | None, tmp_path: Path) -> None:
    """Its name is the one asked for, and its comments name its own file."""
    path, *_ = write_study(tmp_path, name, example)
    assert path.name == f"{name or 'study'}.yaml"
    assert load_study(path).study.name == (name or example)
    assert f"iin check {path.name}" in path.read_text()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A file that is there already is left as it is."""
    (tmp_path / "study.yaml").write_text("mine")
    with pytest.raises(StudyError, match=r"study\.yaml is there already"):
        write_study(tmp_path, None, "digits")
    assert (tmp_path / "study.yaml").read_text() == "mine"


@pytest.mark.parametrize("name", ["../up", "a b", "", ".", "-x", "x" * 81])
def test_a_name_is_no_path(name: str, tmp_path: Path) -> None:
    """Only what a study may be called becomes a file."""
    with pytest.raises(StudyError, match="cannot be called"):
        write_study(tmp_path, name, "digits")


def test_an_unknown_example_names_the_nearest(tmp_path: Path) -> None:
    """A typing error is answered with what was meant."""
    with pytest.raises(StudyError, match="no example 'digit'") as error:
        write_study(tmp_path, None, "digit")
    assert "digits" in error.value.fix


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    """The place is named."""
    with pytest.raises(EnvironmentProblem, match="cannot be written") as error:
        write_study(tmp_path / "missing", None, "digits")
    assert "missing" in error.value.where
