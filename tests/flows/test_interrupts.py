"""Signals: the first stops in order, the handlers of before come back."""

from __future__ import annotations

import os
import signal

import pytest

from flows.interrupts import SIGNALS, Interrupts


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_raises_and_is_remembered(number: signal.Signals) -> None:
    """Work ends by an exception that Ray lets through; which signal it was decides the exit code."""
    said: list[str] = []
    before = signal.getsignal(number)
    interrupts = Interrupts(say=said.append)
    with pytest.raises(KeyboardInterrupt), interrupts.installed():
        os.kill(os.getpid(), number)
    assert interrupts.signum == number
    assert said == [number.name]
    assert signal.getsignal(number) == before


def test_the_second_signal_ends_the_process() -> None:
    """Even if the work catches everything."""
    pid = os.fork()
    if pid == 0:
        interrupts = Interrupts()
        with interrupts.installed():
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except KeyboardInterrupt:
                os.kill(os.getpid(), signal.SIGTERM)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 143
