"""Leases: who is making an output right now, so that nobody does the same work at the same time.

They save work and nothing else: two runs that both believe to hold a lease make the same output
twice, and the seal takes the first.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from dataclasses import replace as replace_fields
from datetime import datetime

from upath import UPath

from tasks.output import Root
from tasks.process import Process, this_process
from tasks.step import Step
from tasks.storage import create_exclusively, readable_errors, replace

LIFETIME = 60.0
"""Seconds after its last heartbeat until a lease is free."""
_HEARTBEAT = 10.0
_POLL = 0.5
FOLDER = "leases"


@dataclass(frozen=True)
class Lease:
    """What a lease file says.

    Args:
        key: of the step.
        label: of the step.
        owner: random, new for each `hold`.
        process: that holds it.
        since, expires: seconds since 1970.
    """

    key: str
    label: str
    owner: str
    process: Process
    since: float
    expires: float

    def is_free(self) -> bool:
        """Whether its owner is known to be dead, or has not been heard of for its lifetime."""
        return self.process.is_dead() or self.expires < time.time()

    def holder(self) -> str:
        """Who holds it, for a person."""
        since = datetime.fromtimestamp(self.since).astimezone()
        return f"process {self.process.pid} on {self.process.host}, since {since:%Y-%m-%d %H:%M:%S}"


@contextmanager
def hold(root: Root, steps: Sequence[Step], *, on_wait: Callable[[str], None]) -> Iterator[list[Step]]:
    """Hold the leases of some steps, waiting for whoever holds one of them now.

    After the wait a step may be sealed: look again.

    Args:
        root: where.
        steps: taken one after the other in the order of keys, so that two runs never wait for
            each other.
        on_wait: called once for each holder that is waited for, with a sentence.

    Raises:
        EnvironmentProblem: no right to write, or no space left.
    """
    held: dict[UPath, Lease] = {}
    stop = threading.Event()
    heart = threading.Thread(target=_beat, args=(held, stop), daemon=True)
    heart.start()
    try:
        with readable_errors("a lease", root.path / FOLDER):
            (root.path / FOLDER).mkdir(parents=True, exist_ok=True)
            for step in sorted(steps, key=lambda step: step.key):
                path = root.path / FOLDER / f"{step.key}.json"
                held[path] = _acquire(path, step, on_wait)
        yield list(steps)
    finally:
        stop.set()
        heart.join()


def leases(root: Root) -> list[tuple[UPath, Lease | None]]:
    """Every lease file of a root and what it says; None if it cannot be read."""
    folder = root.path / FOLDER
    if not folder.is_dir():
        return []
    return [(path, read_lease(path)) for path in sorted(folder.iterdir(), key=str) if path.suffix == ".json"]


def live_keys(root: Root) -> set[str]:
    """The keys of all leases that are not free."""
    return {lease.key for _, lease in leases(root) if lease is not None and not lease.is_free()}


def read_lease(path: UPath) -> Lease | None:
    """What a lease file says; None if it is not there or not a lease."""
    try:
        data = json.loads(path.read_bytes())
        return Lease(**{**data, "process": Process(**data["process"])})
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def _acquire(path: UPath, step: Step, on_wait: Callable[[str], None]) -> Lease:
    told = ""
    while True:
        mine = _new(step)
        if create_exclusively(path, _text(mine)):
            return mine
        other = read_lease(path)
        if other is None or other.is_free():
            # Two that wait may both get here and one may remove the other's new lease: then the
            # work is done twice, which the seal allows.
            path.unlink(missing_ok=True)
            continue
        if other.owner != told:
            told = other.owner
            on_wait(f"waiting for {step.label!r}: {other.holder()} is at work on it")
        time.sleep(_POLL)


def _release(path: UPath, lease: Lease) -> None:
    found = read_lease(path)
    if found is not None and found.owner == lease.owner:
        path.unlink(missing_ok=True)


def _beat(held: dict[UPath, Lease], stop: threading.Event) -> None:
    try:
        _renew(held, stop)
    finally:
        # Here and not where they were taken: a signal can interrupt the main thread between any two of them.
        for path, lease in held.items():
            _release(path, lease)


def _renew(held: dict[UPath, Lease], stop: threading.Event) -> None:
    while not stop.wait(_HEARTBEAT):
        for path, lease in list(held.items()):
            found = read_lease(path)
            if found is not None and found.owner == lease.owner:
                renewed = replace_fields(lease, expires=time.time() + LIFETIME)
                try:
                    replace(path, _text(renewed))
                except OSError:
                    # A full disk ends the work itself, and says so; here it only costs the lease.
                    continue


def _new(step: Step) -> Lease:
    now = time.time()
    return Lease(
        key=step.key,
        label=step.label,
        owner=secrets.token_hex(8),
        process=this_process(),
        since=now,
        expires=now + LIFETIME,
    )


def _text(lease: Lease) -> bytes:
    return json.dumps(asdict(lease), indent=1).encode()
