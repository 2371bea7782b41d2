"""Tracking: what MLflow holds after a study run, real SQLite, no mocks."""

from __future__ import annotations

import logging
import math
import socket
import threading
import time
from pathlib import Path

import pytest

from tasks.track.server import MlflowClient, connect, tracking_uri
from tasks.track.tracker import Tracker

pytestmark = pytest.mark.usefixtures("tracked_root")


def _track(study, status="FINISHED", reason=None):
    tracker = Tracker(study.plan, study.root)
    tracker.start()
    tracker.catch_up()
    tracker.end(status, reason)
    assert tracker.problem is None
    return tracker.parent.info.run_id


def _client(study) -> MlflowClient:
    uri = tracking_uri(study.root, None)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _runs(study, name="iin/small"):
    client = _client(study)
    experiment = client.get_experiment_by_name(name)
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    return [run for run in runs if run not in children], children


def test_one_parent_and_one_child_a_unit(make_study):
    """A study run is one parent, each of its units one finished child with the unit's name."""
    study = make_study(seeds=(0, 1))
    study.seal_all()
    parent_id = _track(study)
    parents, children = _runs(study)
    assert [run.info.run_id for run in parents] == [parent_id]
    assert {run.info.run_name for run in children} == {unit.name for unit in study.plan.units}
    assert {run.info.status for run in (*parents, *children)} == {"FINISHED"}
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent_id}


def test_every_child_has_the_same_metric_keys(make_study):
    """No key tells of layer, concept or seed; what is not applicable is NaN, and the note says why."""
    study = make_study()
    study.seal_all()
    _track(study)
    _, children = _runs(study)
    keys = {frozenset(run.data.metrics) for run in children}
    assert len(keys) == 1
    assert {key.split("/")[0] for key in next(iter(keys))} == {
        "score",
        "leakage",
        "interchange",
        "train",
        "cost",
    }
    without = next(run for run in children if run.data.tags["iin.concepts"] == "none")
    assert math.isnan(without.data.metrics["score/joint_reader"])
    assert "there is no concept" in without.data.tags["mlflow.note.content"]
    assert all(len(run.data.params) <= 12 for run in children)


def test_what_a_child_is_stands_in_its_tags_and_parameters(make_study):
    """Layer, concepts, seed and budget can be filtered by."""
    study = make_study()
    study.seal_all()
    _track(study)
    unit = study.plan.units[2]
    child = next(run for run in _runs(study)[1] if run.data.tags["iin.key"] == unit.evaluate.key)
    found = {
        name: child.data.tags[f"iin.{name}"]
        for name in ("layer", "layer_index", "concepts", "seed", "budget")
    }
    assert found == {
        "layer": "fc",
        "layer_index": "02",
        "concepts": "digit+colour",
        "seed": "0",
        "budget": "full",
    }
    assert child.data.params["layer"] == "fc"
    assert child.data.params["dims"] == '{"residual": 2, "digit": 2, "colour": 2}'


def test_tracking_again_creates_nothing_twice(make_study):
    """The same study tracked again leaves runs, metrics, inputs, models and parameters as they were."""
    study = make_study()
    study.seal_all()
    first = _track(study)
    before = _everything(study)
    assert _track(study) == first
    assert _everything(study) == before


def _everything(study):
    client = _client(study)
    parents, children = _runs(study)
    place = parents[0].info.experiment_id
    histories = [
        (
            run.info.run_id,
            key,
            [(m.step, m.timestamp) for m in client.get_metric_history(run.info.run_id, key)],
        )
        for run in (*parents, *children)
        for key in sorted(run.data.metrics)
    ]
    inputs = [[entry.dataset.digest for entry in run.inputs.dataset_inputs] for run in (*parents, *children)]
    return histories, inputs, [model.model_id for model in client.search_logged_models([place])]


def test_half_a_child_is_completed(make_study):
    """A child that a killed run left half filled is completed, not made again."""
    study = make_study(layers=("fc",), sets=("digit",))
    study.seal_all()
    parent = _track(study)
    client = _client(study)
    child = _runs(study)[1][0]
    keys = set(child.data.metrics)
    client.update_run(child.info.run_id, status="RUNNING")
    assert _track(study) == parent
    (again,) = _runs(study)[1]
    assert (again.info.run_id, again.info.status) == (child.info.run_id, "FINISHED")
    assert set(again.data.metrics) == keys
    assert len(client.get_metric_history(child.info.run_id, "train/curve_loss")) == 320


def test_units_are_shown_as_they_are_sealed(make_study):
    """A unit is a finished child at once, while the parent runs."""
    study = make_study()
    study.seal_rows()
    tracker = Tracker(study.plan, study.root)
    tracker.start()
    for n, unit in enumerate(study.plan.units[:2]):
        tracker.unit(unit, study.seal_unit(unit))
        parents, children = _runs(study)
        assert [run.info.status for run in children] == ["FINISHED"] * (n + 1)
        assert parents[0].info.status == "RUNNING"


def test_curves_have_at_most_320_points(make_study):
    """A long curve is thinned, first and last update kept; a curve that is measured rarely stays whole."""
    study = make_study(layers=("fc",), sets=("digit",))
    study.seal_all()
    _track(study)
    client, child = _client(study), _runs(study)[1][0].info.run_id
    loss = client.get_metric_history(child, "train/curve_loss")
    assert len(loss) == 320
    assert {min(m.step for m in loss), max(m.step for m in loss)} == {0, 999}
    assert len(client.get_metric_history(child, "train/curve_nll_validation")) == 10


def test_the_parent_has_scores_by_layer_index(make_study):
    """One key a concept set and score, layers as steps; and how readable each concept is from each layer."""
    study = make_study(seeds=(0, 1))
    study.seal_all()
    parent = _track(study)
    client = _client(study)
    joint = client.get_metric_history(parent, "layers/net/digit and colour/joint_reader")
    assert [(m.step, round(m.value, 6)) for m in joint] == [(1, 0.905), (2, 0.905)]
    readable = client.get_metric_history(parent, "layers/net/concepts readable/digit")
    assert [(m.step, round(m.value, 6)) for m in readable] == [(1, 0.3), (2, 0.6)]
    metrics = client.get_run(parent).data.metrics
    assert metrics["score/joint_reader"] == pytest.approx(0.905)


def test_no_number_of_the_parent_stands_alone(make_study):
    """Each has its interval, chance and control; with several seeds half their range as its spread."""
    study = make_study(seeds=(0, 1))
    study.seal_all()
    parent = _track(study)
    metrics = _client(study).get_run(parent).data.metrics
    for start in ("score", "layers/net/digit and colour"):
        assert metrics[f"{start}/joint_reader_spread"] == pytest.approx(0.005)
        assert metrics[f"{start}/joint_reader_low"] == pytest.approx(0.885)
        assert metrics[f"{start}/joint_reader_control"] == pytest.approx(0.06)
        assert f"{start}/joint_reader_low_spread" not in metrics
    readable = [metrics[f"layers/net/concepts readable/digit/{name}"] for name in ("chance", "low", "high")]
    assert readable == pytest.approx([0.1, 0.2, 0.4])
    note = _client(study).get_run(parent).data.tags["mlflow.note.content"]
    assert "0.905 ± 0.005 [0.885, 0.925], chance 0.050, shuffled 0.060" in note
    notes = [child.data.tags["mlflow.note.content"] for child in _runs(study)[1]]
    assert sum("- joint_reader: 0.9 [0.880, 0.920], chance 0.050, shuffled 0.060" in n for n in notes) == 2


def test_inputs_have_digests(make_study):
    """The row table and the layer's activations are inputs whose digests are the keys, cut to 32."""
    study = make_study(layers=("fc",), sets=("digit",))
    study.seal_all()
    study.seal_activations(study.plan.units[0].layer)
    parent = _track(study)
    rows, activations = study.plan.rows.key[:32], study.plan.units[0].layer.extract.key[:32]
    child = _runs(study)[1][0].info.run_id
    for run, expected in ((parent, {rows}), (child, {rows, activations})):
        inputs = _client(study).get_run(run).inputs.dataset_inputs
        assert {entry.dataset.digest for entry in inputs} == expected


def test_files_and_note(make_study):
    """The parent has note, table, study and report; a child the files of its sealed evaluation."""
    study = make_study()
    study.seal_all()
    report = Path(study.root.url) / "reports" / "small.html"
    report.parent.mkdir()
    report.write_text("<p>report</p>")
    parent = _track(study)
    client = _client(study)
    assert {file.path for file in client.list_artifacts(parent)} == {
        "plan.json",
        "report.html",
        "study.yaml",
        "summary.csv",
    }
    child = next(run for run in _runs(study)[1]).info.run_id
    assert {"figures", "leakage.csv", "scores.json"} <= {file.path for file in client.list_artifacts(child)}
    note = client.get_run(parent).data.tags["mlflow.note.content"]
    assert [line[:2] for line in note.splitlines()[:5]] == ["- "] * 5
    assert r"Two layers \| of \*one\* model" in note
    assert "4 of 4 units evaluated" in note
    assert r"| 02 fc | digit\+colour | net | full | 1 | 0.900 [" in note
    assert (Path(study.root.url) / "mlartifacts").is_dir()


@pytest.mark.parametrize("status", ["FAILED", "KILLED"])
def test_a_run_that_does_not_finish_says_so(make_study, status):
    """The parent ends as told, with the reason; and finishes when the study later does."""
    study = make_study(layers=("fc",), sets=("digit",), seeds=(0, 1))
    study.seal_rows()
    study.seal_unit(study.plan.units[0])
    parent = _track(study, status, "unit 2 <b>diverged</b>")
    client = _client(study)
    run = client.get_run(parent)
    assert (run.info.status, run.data.tags["iin.reason"]) == (status, "unit 2 <b>diverged</b>")
    if status == "FAILED":
        assert "&lt;b&gt;diverged" in run.data.tags["mlflow.note.content"]
        assert "1 of 2 units evaluated" in run.data.tags["mlflow.note.content"]
    study.seal_unit(study.plan.units[1])
    assert _track(study) == parent
    run = client.get_run(parent)
    assert (run.info.status, run.data.tags["iin.reason"]) == ("FINISHED", "")
    assert len(_runs(study)[1]) == 2


def test_a_child_left_open_ends_with_its_parent(make_study):
    """A run interrupted within a unit leaves no child that is shown as running for ever."""
    study = make_study(layers=("fc",), sets=("digit",))
    study.seal_all()
    _track(study)
    client = _client(study)
    child = _runs(study)[1][0].info.run_id
    client.update_run(child, status="RUNNING")
    tracker = Tracker(study.plan, study.root)
    tracker.start()
    tracker.end("KILLED", "interrupted")
    assert client.get_run(child).info.status == "KILLED"
    assert client.get_run(tracker.parent.info.run_id).info.status == "KILLED"


def test_an_inherited_run_id_is_not_used(make_study, monkeypatch):
    """MLFLOW_RUN_ID of a surrounding program takes none of the metrics."""
    study = make_study(layers=("fc",), sets=("digit",))
    study.seal_all()
    client = _client(study)
    foreign = client.create_run("0").info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", foreign)
    _track(study)
    run = client.get_run(foreign)
    assert (run.data.metrics, run.info.status) == ({}, "RUNNING")
    assert len(_runs(study)[1]) == 1


def test_a_server_that_is_not_there_costs_a_warning(make_study, caplog):
    """Nobody listening is noticed at once; every call returns in seconds and nothing is raised."""
    study = make_study()
    study.seal_all()
    tracker = Tracker(study.plan, study.root, "http://127.0.0.1:9")
    started = time.monotonic()
    with caplog.at_level(logging.WARNING, "tasks.track"):
        tracker.start()
        tracker.catch_up()
        tracker.end("FINISHED")
    assert time.monotonic() - started < 5
    assert "No MLflow server answers within 5 s (ConnectionError)" in str(tracker.problem)
    assert "http://127.0.0.1:9" in str(tracker.problem)
    assert len(caplog.records) == 2, "one at the start, one when it was asked again"


def test_a_server_that_says_nothing_is_given_up_after_seconds():
    """A port that accepts and never answers costs no more than the limit."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        with pytest.raises(Exception, match=r"No MLflow server answers within 0.5 s \(ReadTimeout\)"):
            connect(f"http://127.0.0.1:{silent.getsockname()[1]}", check_reachable=0.5)
        assert time.monotonic() - started < 4


def test_a_server_that_was_gone_is_filled_later(make_study):
    """What was sealed while MLflow was away is shown by tracking alone, as if it had been there."""
    study = make_study()
    study.seal_all()
    away = Tracker(study.plan, study.root, "http://127.0.0.1:9")
    away.start()
    away.end("FINISHED")
    _track(study)
    assert len(_runs(study)[1]) == len(study.plan.units)


def test_hostile_names(make_study):
    """Layers and concept sets of any name are shown, one child each, and filtered apart."""
    layers = ["a' OR '1'='1", 'x"|<script>alert(1)<', "../../etc", "ünï · 层 " + "l" * 150]
    sets = ["=cmd|' C calc'!A0", "digit+colour", "digit and colour", "..", "none"]
    study = make_study(layers=layers, sets=sets)
    study.seal_all()
    parent_id = _track(study)
    _, children = _runs(study)
    assert {(run.data.tags["iin.layer"], run.data.tags["iin.concepts"]) for run in children} == {
        (layer, concepts) for layer in layers for concepts in sets
    }
    client = _client(study)
    parent = client.get_run(parent_id)
    note = parent.data.tags["mlflow.note.content"]
    assert "<script" not in note
    assert len(note) <= 8000
    by_layer = {
        key.split("/")[2] for key in parent.data.metrics if key.endswith("/nll_per_dim") and "layers/" in key
    }
    assert len(by_layer) == len(sets)
    folder = Path(study.root.url) / "mlartifacts"
    assert {path.name for path in folder.rglob("*.csv")} == {"summary.csv", "leakage.csv"}
    summary = next(folder.rglob("summary.csv")).read_text()
    assert "'=cmd" in summary
    assert not (folder.parent.parent / "etc").exists()


def test_a_deleted_experiment_is_named(make_study):
    """MLflow keeps a deleted experiment's name taken: the warning says how to restore it."""
    study = make_study(layers=("fc",), sets=("digit",))
    client = _client(study)
    place = client.create_experiment("iin/small")
    client.delete_experiment(place)
    tracker = Tracker(study.plan, study.root)
    tracker.start()
    assert "The experiment 'iin/small' was deleted in MLflow." in str(tracker.problem)
    assert f"mlflow experiments restore -x {place}" in str(tracker.problem)


def test_two_runs_at_once_show_each_unit_once(make_study):
    """Two trackers that see the same unit sealed at the same time make one child of it."""
    study = make_study(layers=("fc",), sets=("digit", "none"), tracking={"models": "none"})
    study.seal_all()
    threads = [threading.Thread(target=_track, args=(study,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    parents, children = _runs(study)
    assert (len(parents), len(children)) == (1, 2)


def test_another_study_of_the_name_is_another_parent(make_study):
    """A study whose content changed gets a parent of its own in the same experiment."""
    first, second = make_study(layers=("fc",), sets=("digit",)), make_study(layers=("fc",), sets=("none",))
    first.seal_all()
    second.seal_all()
    assert _track(first) != _track(second)
    assert len(_runs(first)[0]) == 2
