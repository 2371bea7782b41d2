"""What an experiment found, as a folder beside those of interpreters."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from flows.cli_interpreters import export, import_
from iin_core.metrics.score import Score
from tasks.errors import DamagedOutput, StudyError
from tasks.experiments.found import Drawn, Found
from tasks.output import open_root
from tasks.study_record import write_record
from tests.tasks.report_experiments_world import experiments_world

LABEL = "model · classifier"


@pytest.fixture
def root(tmp_path):
    """A study with experiments, each with a table, its rows, a figure and a further file."""

    def found(label, folder):
        (folder / "bars.png").write_bytes(b"\x89PNG")
        tables = {name: pd.DataFrame({"row": [1, 2]}) for name in ("norms", "norms_rows")}
        drawn = [Drawn("bars.png", "Bars.", "Bars.", table="norms")]
        return Found({"norms/a": Score(0.5)}, tables, drawn, ["How to read it."], {"flow/more.bin": b"m"})

    opened = open_root(str(tmp_path / "root"))
    (tmp_path / "drawn").mkdir()
    with experiments_world(opened, tmp_path / "drawn", found) as world:
        write_record(world.plan, opened)
        yield opened


def test_an_experiment_is_exported_whole(root, tmp_path, capsys):
    """Numbers, words, tables, drawn rows, figures, further files, and what it was made of."""
    export(LABEL, str(tmp_path / "out"), root=root.url)
    out = tmp_path / "out"
    files = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert files == {
        *("found.json", "scores.json", "why.json", "manifest.json"),
        *("norms.csv", "norms_rows.csv", "figures/bars.png", "flow/more.bin"),
    }
    assert json.loads((out / "manifest.json").read_text())["label"] == LABEL
    assert f"{LABEL} -> {out}" in capsys.readouterr().out.replace("\n", "")
    with pytest.raises(StudyError, match="folder is not empty"):
        export(LABEL, str(out), root=root.url)


def test_the_start_of_its_key_is_enough(root, tmp_path):
    """As for units."""
    key = next(path.name for path in root.key_folders("experiments"))
    export(key[:12], str(tmp_path / "out"), root=root.url)
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["key"] == key


def test_a_damaged_one_is_not_exported(root, tmp_path):
    """It is told of, and no folder is made."""
    output = next(root.outputs("experiments"))
    (output.path / "norms.csv").write_text("row\n1\n9\n")
    with pytest.raises(DamagedOutput):
        export(output.key[:12], str(tmp_path / "out"), root=root.url)
    assert not (tmp_path / "out").exists()


def test_it_is_not_imported(root, tmp_path):
    """The message says what it is, and how it is read."""
    export(LABEL, str(tmp_path / "out"), root=root.url)
    with pytest.raises(StudyError, match="what an experiment found, and no checkpoint") as error:
        import_(str(tmp_path / "out"), str(tmp_path / "in"), blocks="residual=3")
    assert "read its tables as CSV" in error.value.fix


def test_a_name_that_nothing_has_is_refused_with_the_nearest(root, tmp_path):
    """Units and experiments alike."""
    with pytest.raises(StudyError, match="no sealed unit or experiment") as error:
        export("model · clasifier", str(tmp_path / "out"), root=root.url)
    assert LABEL in error.value.fix
