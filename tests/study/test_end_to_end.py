"""A whole study by `iin run`: done once, reused after, and never harmed by being ended."""

from __future__ import annotations

import os
import signal
import sqlite3
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.study.conftest import Desk, make_desk

KINDS = {"rows": 1, "activations": 2, "dimensions": 4, "units": 4, "evaluations": 4, "experiments": 3}
KINDS["report"] = 1


def mlflow_runs(desk: Desk) -> dict[str, str]:
    """Name → status of the MLflow runs."""
    client = MlflowClient(f"sqlite:///{desk.root / 'mlflow.db'}")
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    return {run.info.run_name: run.info.status for run in client.search_runs(ids)}


def prefect_states(desk: Desk) -> list[tuple[str, str]]:
    """Name and state of every task run, in the order in which they began."""
    with sqlite3.connect(desk.root / "prefect" / "prefect.db") as database:
        return database.execute("select name, state_name from task_run order by start_time").fetchall()


def test_a_run_seals_every_step(done: Desk) -> None:
    """Each kind has as many outputs as the study has layers and units."""
    found = [entry.split("/")[0] for entry in done.sealed()]
    assert {kind: found.count(kind) for kind in KINDS} == KINDS
    assert not list((done.root / "leases").glob("*.json"))


def test_a_run_says_what_to_look_at(done: Desk) -> None:
    """The last lines are the table, short units marked, the report's path, and the command for MLflow."""
    lines = (done.folder / "first.out").read_text().splitlines()
    assert sum("0*" in line for line in lines) == 3
    assert any("short training budget" in line for line in lines)
    report = next(line for line in lines if line.startswith("report: ")).removeprefix("report: ")
    assert "<html" in Path(report).read_text()
    assert lines[-1] == "MLflow: iin ui"


def test_mlflow_shows_the_run_and_its_units_as_finished(done: Desk) -> None:
    """One parent, a child for each unit, none left running."""
    runs = mlflow_runs(done)
    assert len(runs) == 5
    assert set(runs.values()) == {"FINISHED"}
    assert "02 2 · shape · seed 0" in runs


def test_prefect_shows_steps_records_and_the_table(done: Desk) -> None:
    """One task run a step, the workers' records in the flow run's log, a Markdown artifact."""
    assert [name for name, _ in prefect_states(done)][:9] == [
        "rows", "prepare", "extract", "dimensions", "train", "evaluate", "experiments", "report", "track"
    ]  # fmt: skip
    with sqlite3.connect(done.root / "prefect" / "prefect.db") as database:
        records = database.execute("select message from log where name = 'tasks.worker'").fetchall()
        artifact = database.execute("select type, data from artifact where key = 'scores-tiny'").fetchone()
    assert any("evaluated" in message for (message,) in records)
    assert artifact[0] == "markdown"
    assert "| layer |" in artifact[1]


def test_a_second_run_does_nothing_again(done: Desk) -> None:
    """Every step is Reused, Ray is not started, no file changes, and MLflow gets nothing twice."""
    before, runs = done.sealed(), mlflow_runs(done)
    out, err = done.iin("run", "study.yaml")
    assert done.sealed() == before
    assert mlflow_runs(done) == runs
    assert out == (done.folder / "first.out").read_text()
    states = prefect_states(done)[-9:]
    assert [state for name, state in states if name != "track"] == ["Reused"] * 8
    assert "reused" in err


def test_a_dead_prefect_and_a_dead_mlflow_cost_a_warning(done: Desk) -> None:
    """The run ends with 0 and says so twice."""
    nobody = "http://127.0.0.1:9"
    _, err = done.iin("run", "study.yaml", "--tracking", nobody, PREFECT_API_URL=f"{nobody}/api")
    assert "warning: Prefect cannot be reached" in err
    assert "warning: MLflow does not show this run" in err


def test_commands_tell_of_the_study(done: Desk) -> None:
    """Status, results, plan and verify agree that all is there."""
    assert "4/4" in done.iin("status")[0]
    assert "02" not in done.iin("results", "tiny")[0].splitlines()[0]
    assert "0 new, 0 stale, 19 reused" in done.iin("plan", "study.yaml")[0]
    assert "0 are damaged" in done.iin("verify")[0]
    assert "nothing to delete" in done.iin("gc")[0]


def test_a_plan_names_the_field_that_changed(done: Desk) -> None:
    """Units are stale by `updates`, evaluations follow them, activations are reused."""
    text = (done.folder / "study.yaml").read_text().replace("updates: 5", "updates: 6")
    (done.folder / "changed.yaml").write_text(text)
    planned = done.iin("plan", "changed.yaml")[0]
    assert "training.updates: 5 → 6" in planned
    assert "follows train 02 2 · shape · seed 0" in planned
    assert "0 new, 12 stale, 7 reused" in planned


def test_experiments_are_in_the_report_in_mlflow_and_in_a_notebook(done: Desk) -> None:
    """Each at its unit; that of the study in a section of its own; the tables one below the other."""
    from tasks.results import open_study

    page = (done.root / "reports" / "tiny.html").read_text()
    assert page.count("Network response</h") == 2
    assert page.count("Layers compared</h") == 1
    client = MlflowClient(f"sqlite:///{done.root / 'mlflow.db'}")
    (place,) = [e.experiment_id for e in client.search_experiments() if e.name == "iin/tiny"]
    runs = {run.info.run_name: run for run in client.search_runs([place])}
    unit = runs["02 2 · shape · seed 0"]
    assert any(name.startswith("response/") for name in unit.data.metrics)
    assert [file.path for file in client.list_artifacts(unit.info.run_id, "experiments")] == [
        "experiments/response"
    ]
    (parent,) = (run for run in runs.values() if run.data.tags["iin.kind"] == "study")
    assert any(name.startswith("compared/") for name in parent.data.metrics)
    study = open_study(done.root, "tiny")
    table = study.experiments("response")["response"]
    assert set(table["layer"].astype(str)) == {"1", "2"}
    assert set(study.experiments("layers")["layers"]["concept"]) == {"shape"}


def test_a_plan_tells_how_long_experiments_took_before(done: Desk) -> None:
    """Another setting makes one stale and nothing else; what never ran has no time."""
    text = (done.folder / "study.yaml").read_text().replace("draws: 2", "draws: 3")
    (done.folder / "redrawn.yaml").write_text(text)
    planned = done.iin("plan", "redrawn.yaml")[0]
    assert "settings.draws: 2 → 3" in planned
    assert "for experiments, as they took before" in planned
    assert "unknown time" not in planned
    # Two responses, the comparison that reads them, and the report.
    assert "0 new, 4 stale, 15 reused" in planned


def test_an_experiment_that_cannot_be_is_refused_before_compute(done: Desk) -> None:
    """Exit code 2, the line, the nearest name."""
    text = (done.folder / "study.yaml").read_text()
    (done.folder / "wrong.yaml").write_text(text.replace("concepts: shape, bases", "layer: '3', bases"))
    _, err = done.iin("check", "wrong.yaml", code=2)
    assert "Experiment 'response' has nothing to work on: no layer is called '3'." in err
    (done.folder / "wrong.yaml").write_text(text.replace("layers: {}", "layrs: {}"))
    _, err = done.iin("check", "wrong.yaml", code=2)
    assert "There is no experiment 'layrs'." in err


def test_a_unit_becomes_a_folder(done: Desk) -> None:
    """`iin export` takes its name; the folder loads without the study."""
    from iin_core import Interpreter

    done.iin("export", "02 2 · shape · seed 0", "exported")
    assert Interpreter.load(done.folder / "exported").blocks.concepts == ["shape"]
    _, err = done.iin("export", "02 2 · shap · seed 0", "other", code=2)
    assert "nearest: 02 2 · shape · seed 0" in err


def test_damage_is_found(desk: Desk, done: Desk) -> None:
    """One flipped byte in one file: verify ends with 5 and names the file."""
    import shutil

    shutil.copytree(done.root, desk.root)
    victim = next(desk.root.glob("rows/*/*/*/rows.parquet"))
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    out, err = desk.iin("verify", code=5)
    assert "1 are damaged" in out
    assert "rows.parquet" in err


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_identical(desk: Desk, done: Desk) -> None:
    """SIGKILL after the first output of each kind; the last run's outputs are those of an undisturbed one."""
    for kind in ("rows", "activations", "dimensions", "units", "evaluations", "experiments"):
        process = desk.start("run", "study.yaml")
        desk.wait_until_sealed(kind, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    kept = desk.sealed()
    desk.iin("run", "study.yaml")
    assert kept.items() <= desk.sealed().items()
    assert {key: files for key, files in desk.sealed().items() if "report" not in key} == {
        key: files for key, files in done.sealed().items() if "report" not in key
    }
    assert set(mlflow_runs(desk).values()) <= {"FINISHED", "KILLED"}
    assert not [state for _, state in prefect_states(desk) if state in ("Running", "Pending")]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_in_order_and_says_how_to_go_on(
    number: int, code: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Leases are released, MLflow says KILLED, the exit code tells which signal it was."""
    desk = make_desk(tmp_path, updates=100_000)
    request.addfinalizer(desk.end)
    process = desk.start("run", "study.yaml")
    desk.wait_until_sealed("dimensions", process, n=4)
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == code, err
    assert "To go on: iin run study.yaml" in err
    assert "Traceback" not in err
    assert "KILLED" in mlflow_runs(desk).values()
    assert not list((desk.root / "leases").glob("*.json"))


@pytest.mark.slow
def test_two_runs_at_once_do_the_work_once(desk: Desk) -> None:
    """Begun together on no root at all: one waits, says for whom, and reuses; both end well."""
    runs = [desk.start("run", "study.yaml") for _ in range(2)]
    errors = [process.communicate(timeout=240)[1] for process in runs]
    assert [process.returncode for process in runs] == [0, 0], errors
    said = "\n".join(errors)
    assert any(f"process {process.pid} on {os.uname().nodename}" in said for process in runs)
    assert "is at work on it" in said
    for folder in desk.root.glob("units/*/*"):
        assert len([path for path in folder.iterdir() if path.is_dir()]) == 1
    assert set(mlflow_runs(desk).values()) == {"FINISHED"}


def test_a_hostile_tasks_py_beside_the_study_is_not_ours(desk: Desk) -> None:
    """A user's own tasks.py and flows.py are neither imported by the command nor by a worker."""
    for name in ("tasks.py", "flows.py", "iin_core.py"):
        (desk.folder / name).write_text("raise SystemExit('imported the wrong module')")
    desk.iin("run", "study.yaml", "--only", "extract")
    assert len(list(desk.root.glob("activations/*/*/manifest.json"))) == 2
