"""The most memory that a script holds, measured in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# ru_maxrss would count what the process that started this one had held by then.
_PEAK = """
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
"""


def printed_numbers(script: str, arguments: Sequence[str] = ()) -> list[float]:
    """The numbers that a script prints; in it `peak()` gives the most MiB that were held so far."""
    done = subprocess.run(
        [sys.executable, "-c", _PEAK + script, *arguments],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
        timeout=280,
    )
    return [float(number) for number in done.stdout.split()]
