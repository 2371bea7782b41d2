"""What the numbers that `iin` ends with mean, and which wins where several hold."""

from __future__ import annotations

from collections.abc import Iterable

DONE = 0
GATE_FAILED = 1
WRONG_STUDY = 2
WRONG_ENVIRONMENT = 3
UNITS_FAILED = 4
DAMAGED = 5
INTERNAL = 70
INTERRUPTED = 130
TERMINATED = 143

PRECEDENCE = (
    INTERRUPTED,
    TERMINATED,
    INTERNAL,
    WRONG_ENVIRONMENT,
    DAMAGED,
    UNITS_FAILED,
    WRONG_STUDY,
    GATE_FAILED,
)


def worst(codes: Iterable[int]) -> int:
    """The exit code of a run to which all of these apply; 0 where none does."""
    held = set(codes)
    return next((code for code in PRECEDENCE if code in held), DONE)
