"""Connecting to Ray: a private cluster on this machine, or a given one after a check of 5 s."""

from __future__ import annotations

import importlib
import logging
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError

from tasks.calls import Call, Cluster, Failure
from tasks.cluster_worker import LogBox
from tasks.errors import EnvironmentProblem
from tasks.head import check_address, reload_token
from tasks.process import this_process
from tasks.study import ResourcesSpec

__all__ = ["Call", "Cluster", "Failure", "connect"]

FOLDER_PREFIX = "iin-ray-"
OWNER = "owner.json"
"""In the private folder of a local cluster: the process that it belongs to."""
_OBJECT_STORE = 128 * 2**20
# One token for the life of this process: Ray's processes read it once and remember it.
_TOKEN = secrets.token_hex(32)
_LONGEST_TEMP = 40
_ray_worker: Any = importlib.import_module("ray._private.worker")


@contextmanager
def connect(
    address: str | None, resources: ResourcesSpec, *, folder: Path | None = None
) -> Iterator[Cluster]:
    """Connect to Ray, and leave it at the end.

    Where this process is connected already, that connection is used and kept.

    Args:
        address: ``host:port`` of a cluster's head; None starts a private cluster here.
        resources: the study's.
        folder: the study's folder, appended to the workers' ``sys.path``.

    Raises:
        EnvironmentProblem: nobody answers there within 5 s, the token is refused, or Ray does not
            start here.
    """
    where = None if folder is None else str(folder.absolute())
    if ray.is_initialized():
        yield _cluster(resources, where, local=address is None)
        return
    with _private_folder() as private, _local(private) if address is None else _remote(address, private):
        try:
            yield _cluster(resources, where, local=address is None)
        finally:
            ray.shutdown()


def _cluster(resources: ResourcesSpec, folder: str | None, *, local: bool) -> Cluster:
    return Cluster(resources, folder, local, ray.remote(LogBox).options(num_cpus=0).remote())


@contextmanager
def _local(private: Path) -> Iterator[None]:
    forever = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": _TOKEN, "RAY_AUTH_TOKEN_PATH": None}
    with _environment(forever):
        reload_token()
        try:
            _init(
                private,
                address="local",
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE,
                _temp_dir=str(private),
            )
        except (OSError, RuntimeError, ValueError, RayError) as error:
            raise EnvironmentProblem(
                f"Ray does not start on this machine: {str(error).strip().splitlines()[0]}",
                where=f"its files were in {private}",
                fix="`iin doctor` looks for the reason; often there is no space in the temporary folder "
                "(TMPDIR) or in /dev/shm",
            ) from error
        yield
    reload_token()


@contextmanager
def _remote(address: str, private: Path) -> Iterator[None]:
    check_address(address)
    reload_token()
    try:
        _init(private, address=address)
    except (OSError, RuntimeError, ValueError, RayError) as error:
        raise EnvironmentProblem(
            f"Ray at {address} cannot be used: {str(error).strip().splitlines()[0]}",
            where=address,
            fix="the driver must run on a node of that cluster, with the same versions of Python and Ray",
        ) from error
    yield


def _init(private: Path, **options: Any) -> None:
    """``ray.init`` from a folder of ours, quietly.

    Ray puts the driver's working directory and the folder of its script in front of everything on
    the workers' ``sys.path``; a user's tasks.py there would be taken for our package. And it prints the
    death of each worker to standard output, where results stand; `Cluster.run` tells of it.
    """
    _ray_worker._worker_logs_enabled = False
    here, script, handler = Path.cwd(), sys.argv[0], _sigterm()
    quiet = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_DEDUP_LOGS": "0",
        "RAY_task_oom_retries": "3",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    with _environment(quiet), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            os.chdir(private)
            sys.argv[0] = str(private / "driver")
            ray.init(log_to_driver=False, logging_level=logging.ERROR, namespace="iin", **options)
        finally:
            os.chdir(here)
            sys.argv[0] = script
            if handler is not None:
                signal.signal(signal.SIGTERM, handler)


def _sigterm() -> Any:
    # Ray replaces the handler, but what a driver does on SIGTERM is the flow's to say.
    on_main = threading.current_thread() is threading.main_thread()
    return signal.getsignal(signal.SIGTERM) if on_main else None


@contextmanager
def _environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    _update_environment(changes)
    try:
        yield
    finally:
        _update_environment(before)


def _update_environment(changes: Mapping[str, str | None]) -> None:
    for name, value in changes.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def temporary_folder() -> str:
    """Where the private folders lie: the usual place, if its path is short."""
    usual = tempfile.gettempdir()
    return usual if len(usual.encode()) <= _LONGEST_TEMP else "/tmp"  # noqa: S108 - mkdtemp is private


@contextmanager
def _private_folder() -> Iterator[Path]:
    # Sockets lie below, and the path of a socket may have 107 bytes.
    short = temporary_folder()
    try:
        folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=short))
        (folder / OWNER).write_text(this_process().text())
    except OSError as error:
        raise EnvironmentProblem(
            f"No temporary folder can be made for Ray: {error}.",
            where=short,
            fix="set TMPDIR to a short path where this user may write",
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
