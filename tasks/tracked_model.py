"""Interpreters as MLflow models: of code and safetensors, no pickle, loaded back before they count."""

from __future__ import annotations

import os
import shutil
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import requires, version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

import numpy as np
from packaging.requirements import Requirement

from iin_core.errors import InputError
from iin_core.interpreter import Interpreter
from tasks.errors import EnvironmentProblem
from tasks.local_copy import local_copy
from tasks.track.server import LoggedModelOutput, Metric, MlflowClient, Run, reaching
from tasks.tracked_names import model_name, param_value, tag_value

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

    from tasks.output import Output
    from tasks.plan import Unit

_CODE = Path(__file__).with_name("tracked_model_code.py")
_EXAMPLE_ROWS = 4
_NEEDED = ("torch", "numpy", "pydantic", "safetensors")
"""What `iin_core.interpreter` imports; MLflow adds itself."""


def log_interpreter(
    client: MlflowClient, run: Run, study: str, unit: Unit, trained: Output, scores: Sequence[Metric]
) -> str:
    """Log the interpreter of a unit as a model of its run, unless a whole one is there.

    Args:
        client: of the server.
        run: the unit's child run.
        study: the study's name.
        unit: the unit.
        trained: its sealed training.
        scores: the run's metrics, of which the headline scores are shown with the model.

    Returns:
        The model's id.

    Raises:
        EnvironmentProblem: what comes back from MLflow does not do the same.
    """
    place, key = run.info.experiment_id, trained.key
    wanted = f"tags.`iin.key` = '{key}' and source_run_id = '{run.info.run_id}'"
    for known in client.search_logged_models([place], wanted):
        if known.status.name == "READY":
            return str(known.model_id)
    model = client.create_logged_model(
        place,
        name=model_name(study, unit.layer.layer, unit.concepts, str(unit.seed)),
        source_run_id=run.info.run_id,
        tags={"iin.key": key, "iin.study": tag_value(study), "iin.version": version("iin")},
        params={"layer": param_value(unit.layer.layer), "concepts": param_value(unit.concepts)},
        model_type="interpreter",
    )
    status: Literal["READY", "FAILED"] = "FAILED"
    try:
        with TemporaryDirectory(prefix="iin-") as folder, local_copy(trained, "interpreter") as saved:
            example = write_model(saved, Path(folder) / "model", model.model_id, run.info.run_id)
            client.log_model_artifacts(model.model_id, str(Path(folder) / "model"))
            (Path(folder) / "back").mkdir()
            back = _download(client, model.artifact_location, str(Path(folder) / "back"))
            _compare(back, Interpreter.load(saved), example)
        status = "READY"
    finally:
        client.finalize_logged_model(model.model_id, status)
    client.log_outputs(run.info.run_id, [LoggedModelOutput(model.model_id, step=0)])
    _link(client, run, model.model_id, scores)
    return str(model.model_id)


def write_model(interpreter: Path, folder: Path, model_id: str, run_id: str | None = None) -> np.ndarray:
    """Write an MLflow model of a saved interpreter: code, data, signature, example, requirements.

    Args:
        interpreter: the folder of a saved interpreter.
        folder: is made.
        model_id: the id that MLflow gave the model.
        run_id: the MLflow run that the model belongs to.

    Returns:
        The input example, (4, N), float32.
    """
    loaded = Interpreter.load(interpreter)
    example = loaded.sample(_EXAMPLE_ROWS, seed=0).numpy().astype(np.float32)
    with _mlflow_models(), TemporaryDirectory(prefix="iin-") as temporary:
        from mlflow.models import Model
        from mlflow.pyfunc import save_model

        save_model(
            path=str(folder),
            python_model=str(_CODE),
            artifacts={
                "interpreter": str(interpreter),
                "code": str(_zip_code(Path(temporary) / "iin_core.zip")),
            },
            mlflow_model=Model(artifact_path="model", run_id=run_id, model_uuid=model_id, model_id=model_id),
            signature=_signature(loaded.n_features, loaded.blocks.n_dims),
            input_example=example,
            pip_requirements=pip_requirements(),
            metadata={"blocks": loaded.blocks.dims, "iin": version("iin")},
        )
    for cache in folder.rglob("__pycache__"):
        shutil.rmtree(cache)
    return example


def load_interpreter(mlflow_uri: str, tracking_uri: str | None = None) -> Interpreter:
    """Load the interpreter of a logged model; none of its code is run, and no pickle is read.

    Args:
        mlflow_uri: ``models:/<model id>``, or ``models:/<name>/<version>`` of a registered model.
        tracking_uri: of the server; MLflow's own setting (MLFLOW_TRACKING_URI) when left out.

    Raises:
        InputError: the URI is of another form.
        EnvironmentProblem: MLflow does not have the model or does not answer.
        CheckpointError: it is no interpreter.
    """
    kind, _, name = mlflow_uri.partition(":/")
    parts = name.strip("/").split("/")
    if kind != "models" or len(parts) > 2 or not all(parts):
        raise InputError(
            f"{mlflow_uri!r} is not the URI of an MLflow model.",
            fix="give models:/<model id>, as a logged model's page shows it, or models:/<name>/<version>",
        )
    with TemporaryDirectory(prefix="iin-") as folder:
        with reaching(tracking_uri or "MLflow"):
            client = MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
            known = len(parts) == 1
            place = (
                client.get_logged_model(parts[0]).artifact_location
                if known
                else client.get_model_version_download_uri(parts[0], parts[1])
            )
            path = _download(client, f"{place.rstrip('/')}/artifacts/interpreter", folder)
        return Interpreter.load(path)


def pip_requirements() -> list[str]:
    """The packages that a logged interpreter needs, as this package's own requirements bound them."""
    declared = [Requirement(text) for text in requires("iin") or []]
    bounds = {entry.name: entry.specifier for entry in declared if not entry.marker}
    lines = [f"{name}{_bound(bounds.get(name), name)}" for name in _NEEDED]
    return [f"mlflow=={version('mlflow')}", *lines]


def _signature(n_features: int, n_dims: int) -> ModelSignature:
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    rows = np.dtype(np.float32)
    return ModelSignature(
        Schema([TensorSpec(rows, (-1, n_features))]), Schema([TensorSpec(rows, (-1, n_dims))])
    )


def _bound(specifier: object, name: str) -> str:
    major = int(version(name).split(".")[0])
    return f"{specifier},<{major + 1}" if specifier else f">={version(name)},<{major + 1}"


def _zip_code(path: Path) -> Path:
    spec = find_spec("iin_core")
    assert spec is not None
    assert spec.submodule_search_locations
    package = Path(next(iter(spec.submodule_search_locations)))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(package.rglob("*.py")):
            archive.write(file, Path("iin_core") / file.relative_to(package))
    return path


def _compare(path: str, interpreter: Interpreter, example: np.ndarray) -> None:
    with _mlflow_models():
        from mlflow.pyfunc import load_model

        found = np.asarray(load_model(path).predict(example))
    if not np.array_equal(found, interpreter.encode(example).numpy()):
        raise EnvironmentProblem(
            "An interpreter loaded back from MLflow does not encode the example as the one that was logged.",
            where=path,
            fix="look at MLflow's artifact store; the model is marked as FAILED there",
        )


def _download(client: MlflowClient, place: str, folder: str) -> str:
    # Not `models:/<id>`: MLflow resolves that with its global tracking URI, whatever the client's is.
    from mlflow.artifacts import download_artifacts

    return str(download_artifacts(place, dst_path=folder, tracking_uri=client.tracking_uri))


@contextmanager
def _mlflow_models() -> Iterator[None]:
    """Handle models without pickles, and without MLflow's remarks on type hints of its own code."""
    name = "MLFLOW_ALLOW_PICKLE_DESERIALIZATION"
    before = os.environ.get(name)
    os.environ[name] = "false"
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*type hint", UserWarning)
            yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _link(client: MlflowClient, run: Run, model_id: str, scores: Sequence[Metric]) -> None:
    shown = [
        Metric(
            metric.key, metric.value, metric.timestamp, metric.step, model_id=model_id, run_id=run.info.run_id
        )
        for metric in scores
        if metric.key.startswith("score/")
    ]
    client.log_batch(run.info.run_id, shown)
