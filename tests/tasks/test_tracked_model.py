"""Interpreters as MLflow models: what comes back is what was logged, without a pickle."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch

from iin_core.errors import InputError
from iin_core.interpreter import Interpreter
from tasks.errors import EnvironmentProblem
from tasks.local_copy import local_copy
from tasks.track.server import MlflowClient, tracking_uri
from tasks.track.tracker import Tracker
from tasks.tracked_model import load_interpreter, pip_requirements, write_model

pytestmark = pytest.mark.usefixtures("tracked_root")


@pytest.fixture
def headline(make_study):
    """A study of one headline unit."""
    study = make_study(layers=("a.b/c",), sets=("digit+colour",))
    study.seal_all()
    return study


@pytest.fixture
def uri(headline):
    """Its tracking URI."""
    return tracking_uri(headline.root, None)


def _track(study) -> None:
    tracker = Tracker(study.plan, study.root)
    tracker.start()
    tracker.catch_up()
    tracker.end("FINISHED")
    assert tracker.problem is None


def _models(uri):
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    places = [experiment.experiment_id for experiment in client.search_experiments()]
    return client.search_logged_models(places)


def test_a_headline_model_is_loaded_back_equal(headline, uri):
    """The logged model is ready, belongs to the unit's run, and is the interpreter that was sealed."""
    _track(headline)
    (model,) = _models(uri)
    assert model.status.name == "READY"
    assert {metric.key for metric in model.metrics} >= {"score/joint_reader", "score/leak_worst"}
    run = MlflowClient(tracking_uri=uri).get_run(model.source_run_id)
    assert run.data.tags["iin.layer"] == "a.b/c"
    assert [entry.model_id for entry in run.outputs.model_outputs] == [model.model_id]
    z = torch.randn(7, 6, generator=torch.Generator().manual_seed(0))
    with local_copy(headline.root.find(headline.plan.units[0].train), "interpreter") as folder:
        expected = Interpreter.load(folder).encode(z)
    assert torch.equal(load_interpreter(f"models:/{model.model_id}", uri).encode(z), expected)


def test_mlflow_itself_loads_the_model_with_pickles_refused(headline, uri, monkeypatch):
    """`mlflow.pyfunc.load_model` maps rows to factors, and refuses rows of another width."""
    _track(headline)
    (model,) = _models(uri)
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    path = mlflow.artifacts.download_artifacts(model.artifact_location, tracking_uri=uri)
    loaded = mlflow.pyfunc.load_model(path)
    example = loaded.input_example
    assert example.shape == (4, 6)
    assert loaded.predict(example).shape == (4, 6)
    assert loaded.metadata.signature.inputs.inputs[0].shape == (-1, 6)
    with pytest.raises(mlflow.exceptions.MlflowException, match="does not match expected shape"):
        loaded.predict(np.zeros((2, 5), np.float32))
    files = [file.name for file in Path(path).rglob("*") if file.is_file()]
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".pt", ".bin"))]
    assert len(files) <= 12


@pytest.mark.parametrize("models", ["none", "all"])
def test_the_study_says_which_models_are_logged(make_study, root, models):
    """`tracking: models:` none logs none, all logs one for each unit."""
    study = make_study(tracking={"models": models})
    study.seal_all()
    _track(study)
    assert len(_models(tracking_uri(root, None))) == (4 if models == "all" else 0)


def test_a_model_that_changed_on_its_way_does_not_count(headline, uri, monkeypatch):
    """If what comes back does not do the same, the model is marked as failed and the unit is not done."""
    honest = Interpreter.encode
    others = iter(range(100))
    monkeypatch.setattr(Interpreter, "encode", lambda self, z: honest(self, z) + next(others))
    tracker = Tracker(headline.plan, headline.root)
    tracker.start()
    tracker.catch_up()
    assert "loaded back from MLflow does not encode the example" in str(tracker.problem)
    assert [model.status.name for model in _models(uri)] == ["FAILED"]
    monkeypatch.undo()
    _track(headline)
    assert sorted(model.status.name for model in _models(uri)) == ["FAILED", "READY"]


def test_the_model_needs_no_iin_where_it_is_loaded(headline, tmp_path):
    """The code travels along: a process that cannot import this package loads and uses the model."""
    with local_copy(headline.root.find(headline.plan.units[0].train), "interpreter") as folder:
        example = write_model(folder, tmp_path / "model", "m-1")
        expected = Interpreter.load(folder).encode(example).numpy()
    np.save(tmp_path / "example.npy", example)
    program = (
        "import sys, numpy as np\n"
        "sys.path[:] = [p for p in sys.path if p]\n"
        "sys.meta_path[:] = [f for f in sys.meta_path if '__editable__' not in repr(f)]\n"
        "import importlib.util\n"
        "assert importlib.util.find_spec('iin_core') is None, 'iin is installed'\n"
        "import mlflow\n"
        "found = mlflow.pyfunc.load_model(sys.argv[1]).predict(np.load(sys.argv[2]))\n"
        "np.save(sys.argv[3], found)\n"
    )
    found = tmp_path / "found.npy"
    arguments = [str(tmp_path / name) for name in ("model", "example.npy", "found.npy")]
    subprocess.run([sys.executable, "-c", program, *arguments], cwd=tmp_path, check=True, timeout=120)
    np.testing.assert_array_equal(np.load(found), expected)


def test_requirements_are_explicit():
    """Each package is bounded on both sides, and this package is not asked of a registry."""
    lines = pip_requirements()
    assert [line.split("=")[0].split(">")[0] for line in lines] == [
        "mlflow",
        "torch",
        "numpy",
        "pydantic",
        "safetensors",
    ]
    assert all("==" in line or ("<" in line and ">=" in line) for line in lines)


@pytest.mark.parametrize("wrong", ["runs:/abc/model", "models:/", "m-123", "models:/a/b/c"])
def test_other_uris_are_refused(wrong):
    """The message names the two forms that are taken."""
    with pytest.raises(InputError, match="is not the URI of an MLflow model") as error:
        load_interpreter(wrong)
    assert "models:/<model id>" in str(error.value)


def test_an_unknown_model_is_named(headline, uri):
    """MLflow's own answer reaches the person."""
    with pytest.raises(EnvironmentProblem, match="Logged model with ID 'm-none' not found"):
        load_interpreter("models:/m-none", uri)
