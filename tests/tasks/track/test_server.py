"""Reaching MLflow: quickly, or with an answer that says what to do."""

from __future__ import annotations

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tasks.errors import EnvironmentProblem
from tasks.output import Root
from tasks.track import server as tracking
from tasks.track.server import SETTINGS, artifact_location, connect, redacted, tracking_uri


@pytest.fixture
def answering():
    """Make a server that answers everything with one status."""
    servers = []

    def serve(*statuses: int) -> str:
        answers = iter(statuses)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(next(answers))
                self.end_headers()

            do_POST = do_GET

            def log_message(self, *arguments):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_default_is_a_database_under_the_root(root):
    """With absolute places for the database and its files."""
    uri = tracking_uri(root, None)
    assert uri == f"sqlite:///{root.url}/mlflow.db"
    assert root.url.startswith("/")
    assert artifact_location(root, uri) == f"file://{root.url}/mlartifacts"
    assert artifact_location(root, "http://127.0.0.1:5000") is None


def test_a_root_elsewhere_needs_a_server():
    """SQLite cannot lie on an object store; the message says how to name a server."""
    from upath import UPath

    root = Root("memory://bucket", UPath("memory://bucket"))
    assert tracking_uri(root, "http://mlflow") == "http://mlflow"
    with pytest.raises(EnvironmentProblem, match="cannot lie on an object store") as error:
        tracking_uri(root, None)
    assert "IIN_TRACKING_URI" in str(error.value)


def test_a_server_that_is_no_mlflow(answering):
    """What answers something else than MLflow's health is named with its status."""
    uri = answering(404)
    with pytest.raises(EnvironmentProblem, match=r"no MLflow server in good health \(HTTP 404\)"):
        connect(uri)


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_password_is_named(answering, status):
    """The server lives, but refuses: the message names the variables to set."""
    with pytest.raises(EnvironmentProblem, match=rf"refuses this user \(HTTP {status}\)") as error:
        connect(answering(200, status))
    assert "MLFLOW_TRACKING_USERNAME" in str(error.value)


def test_a_folder_of_files_is_refused(tmp_path):
    """MLflow itself no longer takes it; the message says what it takes."""
    with pytest.raises(EnvironmentProblem, match="neither a server nor a database"):
        connect(f"file://{tmp_path}")


def test_a_database_that_is_none(tmp_path):
    """A file of something else is an error with its place, not a traceback."""
    path = tmp_path / "mlflow.db"
    path.write_text("something else, long enough to be looked at " * 50)
    with pytest.raises(EnvironmentProblem, match="MLflow does not do what was asked") as error:
        connect(f"sqlite:///{path}")
    assert str(path) in str(error.value)
    assert "--only track" in str(error.value)


def test_passwords_are_not_shown():
    """Neither in the place nor in what MLflow itself says."""
    uri = "http://user:secret@127.0.0.1:9"
    assert redacted(uri) == "http://***@127.0.0.1:9"
    with pytest.raises(EnvironmentProblem) as error:
        connect(uri)
    assert "secret" not in str(error.value)


def test_settings_come_before_the_import():
    """Importing anything that tracks turns telemetry off before MLflow looks at it."""
    program = (
        "import os, tasks.track.tracker\n"
        "from mlflow.telemetry.utils import is_telemetry_disabled\n"
        "from mlflow.telemetry import get_telemetry_client\n"
        "assert is_telemetry_disabled() and get_telemetry_client() is None\n"
    )
    subprocess.run([sys.executable, "-c", program], env={"PATH": ""}, check=True, timeout=120)
    assert int(SETTINGS["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]) <= 2


def test_a_database_whose_making_was_interrupted_is_made_again(tmp_path, monkeypatch):
    """Ctrl-C among the first migrations left a half-made file that MLflow refused ever after."""
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    whole = tracking.MlflowClient

    def interrupted(tracking_uri, registry_uri):
        Path(tracking_uri.removeprefix("sqlite:///")).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(tracking, "MlflowClient", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tracking.connect(uri)
    assert not (tmp_path / "mlflow.db").exists()
    monkeypatch.setattr(tracking, "MlflowClient", whole)
    assert len(tracking.connect(uri).search_experiments()) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", "mlflow.db.lock"}
