"""`iin doctor`: each check answers within 5 s, and what is wrong comes with its fix."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from flows import prefect_api
from flows.checking import memory_here, processors_here
from flows.console import size
from flows.settings import Settings, local_path
from iin_core.errors import IinError

LIMIT = 5.0
"""Seconds for one check."""
MIN_DISK = 2 * 2**30
MIN_MEMORY = 3 * 2**30
MIN_SHM = 128 * 2**20


@dataclass(frozen=True)
class Finding:
    """What a check found; `ok` is None where it could not be told in time."""

    ok: bool | None
    what: str
    fix: str = ""

    def mark(self) -> str:
        """For the list."""
        return {True: "ok", False: "WRONG", None: "?"}[self.ok]


def python(settings: Settings) -> Finding:
    """Which Python this is; an older one than 3.11 cannot install iin."""
    found = ".".join(map(str, sys.version_info[:3]))
    return Finding(True, f"Python {found} in {sys.prefix}")


def packages(settings: Settings) -> Finding:
    """Are all packages there, and none older than its floor: some floors are security fixes."""
    wrong = []
    for line in requires("iin") or []:
        match = re.match(r"([\w.-]+)>=([\d.]+)(?:; extra == ['\"]study['\"])?$", line.replace(" ;", ";"))
        if match and (trouble := _older(*match.groups())):
            wrong.append(trouble)
    if wrong:
        return Finding(False, "; ".join(wrong), "pip install --upgrade 'iin[study]' (or `make` again)")
    return Finding(True, f"iin {version('iin')} with all packages of its study extra")


def _older(name: str, floor: str) -> str:
    try:
        found = version(name)
    except PackageNotFoundError:
        return f"{name} is not installed"
    return f"{name} {found} is older than {floor}" if _numbers(found) < _numbers(floor) else ""


def _numbers(text: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", text.split("+")[0])[:3]]


def shadows(settings: Settings) -> Finding:
    """Are `tasks` and `flows` ours; a file of the same name in the working directory must not win."""
    import flows
    import iin_core
    import tasks

    homes = {Path(str(package.__file__)).parent.parent for package in (iin_core, tasks, flows)}
    if len(homes) > 1:
        found = ", ".join(str(home) for home in homes)
        return Finding(False, f"iin_core, tasks, flows come from several places: {found}", "clear PYTHONPATH")
    return Finding(True, f"iin_core, tasks, flows come from {homes.pop()}")


def root(settings: Settings) -> Finding:
    """Can the root be written, and is there room."""
    path = local_path(settings.root)
    if path is None:
        return Finding(None, f"{settings.root} is not on this machine")
    folder = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return Finding(False, f"no right to write in {folder}", "choose another root: --root or IIN_ROOT")
    if (path / "iin.json").exists() and (trouble := _told(lambda: _open(settings.root), "")).ok is False:
        return trouble
    free = shutil.disk_usage(folder).free
    if free < MIN_DISK:
        return Finding(
            False, f"{size(free)} free in {folder}", "free space (`iin gc`), or choose another root"
        )
    return Finding(True, f"{path.absolute()} can be written, {size(free)} free")


def _open(url: str) -> None:
    from tasks.output import open_root

    open_root(url, create=False)


def temporary(settings: Settings) -> Finding:
    """Can temporary files be made, and is there shared memory for Ray."""
    import tempfile

    try:
        with tempfile.NamedTemporaryFile():
            where = tempfile.gettempdir()
    except OSError as error:
        return Finding(
            False, f"no temporary file can be made: {error}", "set TMPDIR to a folder you may write"
        )
    shm = Path("/dev/shm")  # noqa: S108 - Ray's choice
    if not shm.is_dir():
        return Finding(True, f"{where}; no /dev/shm here, Ray uses files instead")
    free = shutil.disk_usage(shm).free
    if free < MIN_SHM:
        return Finding(False, f"{size(free)} free in /dev/shm", "in a container: --shm-size=1g")
    return Finding(True, f"{where}; {size(free)} of shared memory")


def memory(settings: Settings) -> Finding:
    """Is there memory for a driver and its workers."""
    total = memory_here()
    if total < MIN_MEMORY:
        return Finding(False, f"{size(total)} of memory", f"use a machine with {size(MIN_MEMORY)} or more")
    return Finding(True, f"{size(total)} of memory, {processors_here()} cores")


def ports(settings: Settings) -> Finding:
    """Can this process listen on loopback, as Ray and Prefect's own server must."""
    try:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen()
            with socket.create_connection(server.getsockname(), timeout=LIMIT):
                pass
    except OSError as error:
        return Finding(
            False, f"no connection over 127.0.0.1: {error}", "allow loopback in the firewall or sandbox"
        )
    return Finding(True, "connections over 127.0.0.1 work")


def ray(settings: Settings) -> Finding:
    """Does the cluster answer, or does Ray start here."""
    if settings.address:
        return _told(lambda: _check_cluster(str(settings.address)), f"{settings.address} answers")
    try:
        # In a process of its own: what hangs can be ended, and nothing of it stays in this one.
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-P", "-c", _START_RAY],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Finding(None, f"starting Ray took more than {LIMIT:.0f} s; a busy machine is slow, not broken")
    if done.returncode:
        why = (done.stderr.strip() or "it ended without a word").splitlines()[-1]
        return Finding(
            False, f"Ray does not start: {why}", "see the checks of temporary files, memory and ports"
        )
    return Finding(True, "starts here")


_START_RAY = """
from tasks.cluster import connect
from tasks.study import ResourcesSpec
with connect(None, ResourcesSpec()):
    pass
"""


def _check_cluster(address: str) -> None:
    from tasks.head import check_address

    check_address(address)


def prefect(settings: Settings) -> Finding:
    """Does the named Prefect server answer; none is needed."""
    url = os.environ.get("PREFECT_API_URL")
    if not url:
        return Finding(True, f"PREFECT_API_URL is not set: each run has a server of its own in {_home()}")
    if trouble := prefect_api.problem(url, timeout=LIMIT):
        fix = "start the server, correct PREFECT_API_URL, or unset it; studies run without it, with a warning"
        return Finding(False, trouble, fix)
    return Finding(True, f"{url} answers")


def _home() -> str:
    return os.environ.get("PREFECT_HOME", "")


def mlflow(settings: Settings) -> Finding:
    """Does the MLflow server answer, or can its database be opened."""
    path = local_path(settings.root)
    if settings.tracking is None and path is not None:
        return Finding(True, f"no server named: {path.absolute() / 'mlflow.db'}")
    return _told(lambda: _check_tracking(settings.tracking), f"{settings.tracking} answers")


def _check_tracking(uri: str | None) -> None:
    from tasks.errors import EnvironmentProblem
    from tasks.track.server import connect

    if uri is None:
        raise EnvironmentProblem(
            "MLflow's database cannot lie on an object store.",
            fix="give a server: --tracking or IIN_TRACKING_URI",
        )
    connect(uri, check_reachable=LIMIT)


def _told(look: Callable[[], None], well: str) -> Finding:
    try:
        look()
    except IinError as error:
        return Finding(False, error.what, error.fix)
    return Finding(True, well)


CHECKS: dict[str, Callable[[Settings], Finding]] = {
    "python": python,
    "packages": packages,
    "code": shadows,
    "root": root,
    "temporary": temporary,
    "memory": memory,
    "ports": ports,
    "ray": ray,
    "prefect": prefect,
    "mlflow": mlflow,
}
