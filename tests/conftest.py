"""What every test runs in: one thread, no telemetry, and nothing of the user's own settings."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

_SETTINGS = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "RAY_USAGE_STATS_ENABLED": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MPLBACKEND": "Agg",
}
_OURS = ("IIN_ROOT", "IIN_RAY_ADDRESS", "IIN_TRACKING_URI", "IIN_ALLOW_CODE")
_THEIRS = ("PREFECT_API_URL", "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "RAY_ADDRESS")
# Before any import: libraries read these once.
os.environ.update(_SETTINGS)
for _name in (*_OURS, *_THEIRS):
    os.environ.pop(_name, None)

import pytest  # noqa: E402
import torch  # noqa: E402

from tasks.cluster import Cluster, connect  # noqa: E402
from tasks.output import Root, open_root  # noqa: E402
from tasks.study import ResourcesSpec  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _homes_of_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Prefect, MLflow and Matplotlib keep their files in a folder of this test run."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(home / "prefect"))
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{home / 'mlflow.db'}")
        patch.setenv("MPLCONFIGDIR", str(home / "matplotlib"))
        patch.setenv("IIN_CACHE", str(home / "cache"))
        yield


@pytest.fixture(autouse=True)
def _no_users_code_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Code that a study brought along does not reach the next test."""
    folder, path, modules = str(tmp_path_factory.getbasetemp()), list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(folder):
            del sys.modules[name]


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """An empty root of outputs."""
    return open_root(str(tmp_path / "root"))


@pytest.fixture(scope="session")
def jobs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study's folder: tests put modules there whose functions run on workers."""
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="session")
def cluster(jobs_folder: Path) -> Iterator[Cluster]:
    """One local Ray cluster of two workers for all tests that need one."""
    with connect(None, ResourcesSpec(), folder=jobs_folder) as connection:
        yield connection
