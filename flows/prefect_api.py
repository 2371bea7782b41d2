"""Whether there is a Prefect to report to: the one named by PREFECT_API_URL, else a small own one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

CHECK_SECONDS = 5.0


def problem(url: str, timeout: float = CHECK_SECONDS) -> str | None:
    """What is wrong with the Prefect API at this URL, or None. Answers within `timeout` seconds."""
    if not url.startswith(("http://", "https://")):
        return f"{url} is not an http(s) URL"
    request = Request(f"{url.rstrip('/')}/admin/version", headers=_authorisation())  # noqa: S310
    try:
        with _opener(url).open(request, timeout=timeout):
            return None
    except HTTPError as error:
        return f"{url} answered {error.code} {error.reason}"
    except (URLError, OSError, ValueError) as error:
        return f"{url} does not answer ({getattr(error, 'reason', None) or error})"


def _opener(url: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
    # A proxy for the internet knows nothing of a server on this machine.
    local = "://127.0.0.1" in url or "://localhost" in url
    return build_opener(ProxyHandler({})) if local else build_opener()


def _authorisation() -> dict[str, str]:
    if key := os.environ.get("PREFECT_API_KEY"):
        return {"Authorization": f"Bearer {key}"}
    if login := os.environ.get("PREFECT_API_AUTH_STRING"):
        from base64 import b64encode

        return {"Authorization": f"Basic {b64encode(login.encode()).decode()}"}
    return {}


@contextmanager
def own_server() -> Iterator[subprocess.Popen[bytes] | None]:
    """Start a server for the time of a run, unless PREFECT_API_URL names one.

    It starts while the caller goes on; `wait_for` waits until it answers. PREFECT_API_URL is set to
    it, so enter this before Prefect is imported.
    """
    if os.environ.get("PREFECT_API_URL"):
        yield None
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = _start(port)
    if server is None:
        yield None
        return
    os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
    try:
        yield server
    finally:
        del os.environ["PREFECT_API_URL"]
        _stop(server)


def _start(port: int) -> subprocess.Popen[bytes] | None:
    home = Path(os.environ["PREFECT_HOME"])
    try:
        home.mkdir(parents=True, exist_ok=True)
        log = (home / "server.log").open("wb")
    except OSError:
        return None  # `wait_for` then says that there is no server
    with log:
        return subprocess.Popen(  # noqa: S603
            # -P: a user's own folder called `flows` in the working directory is not ours.
            [sys.executable, "-P", "-m", "flows.prefect_server", str(port), str(os.getpid())],
            env={**os.environ, "PREFECT_UI_ENABLED": "0"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal is for the run, which still has states to report
        )


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(timeout=5)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def wait_for(server: subprocess.Popen[bytes] | None) -> str | None:
    """Wait until the API answers; what is wrong with it, or None.

    A server that someone else runs gets 5 s; our own, which is just starting, as long as
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS says.
    """
    url = os.environ.get("PREFECT_API_URL")
    if not url:
        return f"a server of its own cannot start: {os.environ['PREFECT_HOME']} is not writable"
    if server is None:
        return problem(url)
    deadline = time.monotonic() + float(os.environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"])
    log = f"{os.environ['PREFECT_HOME']}/server.log"
    while time.monotonic() < deadline:
        if server.poll() is not None:
            return f"its own server ended at once (exit code {server.returncode}); see {log}"
        if problem(url, timeout=2) is None:
            return None
        time.sleep(0.1)
    return f"its own server did not start in time; see {log}"
