"""Contenders that take turns: what a shared machine does to one it does to all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median

Contender = Callable[[], object]


def take_turns(contenders: Mapping[str, Contender], rounds: int) -> dict[str, list[float]]:
    """Run each contender once a round, after one round that does not count.

    Returns:
        Seconds of process CPU time by contender, one a round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for i in range(rounds + 1):
        for name, run in contenders.items():
            begun = time.process_time()
            run()
            if i:
                seconds[name].append(time.process_time() - begun)
    return seconds


def median_ratio(slow: list[float], fast: list[float]) -> float:
    """The median over rounds of how many times longer one took than the other."""
    return median(a / b for a, b in zip(slow, fast, strict=True))
