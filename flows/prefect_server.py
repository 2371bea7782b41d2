"""A small Prefect server for one run: `python -m flows.prefect_server PORT PARENT_PID`.

Prefect can start one itself, but that one is left behind when the run is killed, and dies first on
Ctrl-C in a terminal. This one ends when the run that it belongs to has ended.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sys
import threading
import time
from pathlib import Path


def main(port: int, parent: int) -> None:
    """Serve Prefect's API on loopback until `parent` is gone."""
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    from prefect.server.api.server import create_app
    from prefect.server.database import provide_database_interface
    from uvicorn import run

    # Two first runs at once would both create the tables, and one would fail.
    with (Path(os.environ["PREFECT_HOME"]) / "server.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        asyncio.run(provide_database_interface().create_db())
    run(create_app(ephemeral=True), host="127.0.0.1", port=port, log_level="error", lifespan="on")


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
