"""The MLflow that a study is shown in: settings that come before its import, and whether it answers.

Everything of this package that needs MLflow imports it from here, so that the settings are in place:
no telemetry, and a server that is gone costs seconds instead of minutes (its own defaults are 7
retries of 120 s).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tasks.errors import EnvironmentProblem
from tasks.output import Root
from tasks.storage import is_local

SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
for _name, _value in SETTINGS.items():
    os.environ.setdefault(_name, _value)

import requests  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import (  # noqa: E402
    Dataset,
    DatasetInput,
    Experiment,
    InputTag,
    LoggedModel,
    LoggedModelOutput,
    Metric,
    Param,
    Run,
    RunTag,
)
from mlflow.exceptions import MlflowException  # noqa: E402
from sqlalchemy.exc import SQLAlchemyError  # noqa: E402

__all__ = [
    "SETTINGS",
    "Dataset",
    "DatasetInput",
    "Experiment",
    "InputTag",
    "LoggedModel",
    "LoggedModelOutput",
    "Metric",
    "MlflowClient",
    "MlflowException",
    "Param",
    "Run",
    "RunTag",
    "alone",
    "artifact_location",
    "connect",
    "reaching",
    "redacted",
    "tracking_uri",
]
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")


def tracking_uri(root: Root, uri: str | None) -> str:
    """The URI to track to: the given one, or SQLite under the root.

    Raises:
        EnvironmentProblem: none is given and the root is no local folder, where SQLite cannot lie.
    """
    if uri:
        return uri
    if not is_local(root.path):
        raise EnvironmentProblem(
            "MLflow's database cannot lie on an object store.",
            where=root.url,
            fix="give a tracking server with --tracking or IIN_TRACKING_URI",
        )
    return f"sqlite:///{Path(root.url).absolute() / 'mlflow.db'}"


def artifact_location(root: Root, uri: str) -> str | None:
    """Where a new experiment keeps its files: beside a database of our own; None: as the server says."""
    if urlsplit(uri).scheme.split("+")[0] not in _DATABASES:
        return None
    if not is_local(root.path):
        return f"{root.url.rstrip('/')}/mlartifacts"
    return (Path(root.url).absolute() / "mlartifacts").as_uri()


def connect(uri: str, *, check_reachable: float = 5.0) -> MlflowClient:
    """Open a client with explicit URIs, after a look whether anybody answers.

    Args:
        uri: a tracking URI.
        check_reachable: seconds to wait for an HTTP server.

    Raises:
        EnvironmentProblem: nobody answers, the password is wrong, or the database is not usable.
    """
    if urlsplit(uri).scheme in ("http", "https"):
        _check_server(uri, check_reachable)
    elif urlsplit(uri).scheme.split("+")[0] not in _DATABASES:
        raise EnvironmentProblem(
            "This tracking URI is neither a server nor a database.",
            where=redacted(uri),
            fix="use http(s)://…, sqlite:////absolute/path.db or postgresql+psycopg2://…; "
            "MLflow's old folder of files is no longer supported by MLflow itself",
        )
    # The first client makes SQLite's tables; two at once break each other's migration.
    database = uri.partition(":///")[2] if uri.startswith("sqlite:") else ""
    with reaching(uri), alone(Path(f"{database}.lock") if database else None):
        if database and not Path(database).exists():
            _make(Path(database))
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        client.search_experiments(max_results=1)
    return client


def _make(database: Path) -> None:
    """Make SQLite's tables under another name: half of them, after Ctrl-C, would be of no use ever after."""
    part = database.with_name(f"{database.name}.part")
    part.unlink(missing_ok=True)
    uri = f"sqlite:///{part}"
    MlflowClient(tracking_uri=uri, registry_uri=uri).search_experiments(max_results=1)
    part.replace(database)


@contextmanager
def alone(lock: Path | None) -> Iterator[None]:
    """Keep other processes that lock the same file out of the block; None locks nothing."""
    if lock is None:
        yield
        return
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def reaching(uri: str) -> Iterator[None]:
    """Turn whatever MLflow, its database or the network raises into one error for a person.

    Raises:
        EnvironmentProblem: naming the server and what it answered.
    """
    try:
        yield
    except (MlflowException, requests.RequestException, SQLAlchemyError, OSError) as error:
        if isinstance(error, MlflowException) and error.get_http_status_code() in (401, 403):
            raise EnvironmentProblem(
                f"The MLflow server refuses this user (HTTP {error.get_http_status_code()}).",
                where=redacted(uri),
                fix="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
            ) from error
        raise EnvironmentProblem(
            f"MLflow does not do what was asked: {_first_line(error, uri)}",
            where=redacted(uri),
            fix="results are sealed and not lost; when MLflow works again, show them in it with "
            "`iin run STUDY --only track`",
        ) from error


def redacted(uri: str) -> str:
    """The URI without user name and password."""
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri
    return parts._replace(netloc=f"***@{parts.netloc.rsplit('@', 1)[1]}").geturl()


def _check_server(uri: str, seconds: float) -> None:
    place = redacted(uri)
    try:
        answer = requests.get(f"{uri.rstrip('/')}/health", timeout=seconds)
    except requests.RequestException as error:
        raise EnvironmentProblem(
            f"No MLflow server answers within {seconds:g} s ({type(error).__name__}).",
            where=place,
            fix="start it, correct --tracking or IIN_TRACKING_URI, or leave both out: results are then "
            "shown from a database under the root",
        ) from error
    if answer.status_code != 200:
        raise EnvironmentProblem(
            f"What answers there is no MLflow server in good health (HTTP {answer.status_code}).",
            where=f"{place}/health",
            fix="correct --tracking or IIN_TRACKING_URI, or look into the server's log",
        )


def _first_line(error: Exception, uri: str) -> str:
    text = str(error).strip() or type(error).__name__
    user = urlsplit(uri).netloc.rpartition("@")[0]
    return (text.replace(user, "***") if user else text).splitlines()[0][:300]
