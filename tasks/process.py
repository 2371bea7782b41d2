"""Processes of this machine: who we are, and whether another one still lives."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process, told from any other that gets its number later.

    Args:
        host: name of its host, for people.
        machine: the running kernel and the process space (container); empty where unknown.
        pid: its number.
        started: when it started, in ticks of that kernel; empty where unknown.
    """

    host: str
    machine: str
    pid: int
    started: str

    def is_dead(self) -> bool:
        """Whether it is known to be gone; False where that cannot be known from here."""
        return bool(self.machine) and self.machine == _machine() and self.started != _started(self.pid)

    def text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))


def this_process() -> Process:
    """The process that asks."""
    return Process(platform.node(), _machine(), os.getpid(), _started(os.getpid()))


def parse_process(text: str) -> Process | None:
    """What `Process.text` wrote; None if it is something else."""
    try:
        return Process(**json.loads(text))
    except (ValueError, TypeError):
        return None


def _machine() -> str:
    # A process number means something in one kernel and one process space alone.
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    try:
        # The name of the process, in parentheses, may hold spaces and parentheses.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]
