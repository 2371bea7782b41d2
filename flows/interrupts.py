"""Ctrl-C and SIGTERM: the first stops the work in order, the second at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def nothing(name: str) -> None:
    """Say nothing about a signal."""


@dataclass
class Interrupts:
    """Which signal came, if one did."""

    say: Callable[[str], None] = nothing
    signum: int | None = None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Catch the signals within this block (in the main thread; elsewhere Python cannot)."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = {number: signal.signal(number, self._handle) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.signum is not None:
            os._exit(128 + number)
        self.signum = number
        self.say(signal.Signals(number).name)
        # Ray's waits let this one class through and turn others into a line on stderr.
        raise KeyboardInterrupt
