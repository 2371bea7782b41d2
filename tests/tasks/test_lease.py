"""Leases: one holder at a time, the others wait and know for whom, the dead hold nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from tasks import lease as lease_module
from tasks.errors import EnvironmentProblem
from tasks.lease import Lease, hold, leases, live_keys
from tasks.process import parse_process, this_process
from tasks.step import Step

STEPS = [Step("units", 1, {"n": n}, {}, {}, f"unit {n}") for n in range(3)]


def _never(message):
    raise AssertionError(message)


def test_held_and_released(root):
    """A lease file lies there while it is held, and is gone afterwards, also after an error."""
    seen = set()

    def work():
        with hold(root, STEPS, on_wait=_never):
            seen.update(live_keys(root))
            raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        work()
    assert seen == {step.key for step in STEPS}
    assert leases(root) == []


def test_the_second_waits_and_says_for_whom(root):
    """Of two that want the same step the second waits for the first, and names it once."""
    said, order = [], []

    def second():
        with hold(root, STEPS[1:], on_wait=said.append):
            order.append("second")

    with hold(root, STEPS[:2], on_wait=_never):
        thread = threading.Thread(target=second)
        thread.start()
        while not said:
            time.sleep(0.01)
        time.sleep(0.6)
        order.append("first")
    thread.join(timeout=10)
    assert order == ["first", "second"]
    assert len(said) == 1
    assert f"waiting for 'unit 1': process {os.getpid()} on " in said[0]
    assert "since 20" in said[0]


def test_opposite_orders_do_not_lock_each_other(root):
    """Two runs that name the same steps in opposite orders both come through."""
    done = []

    def work(steps):
        for _ in range(5):
            with hold(root, steps, on_wait=lambda message: None):
                done.append(1)

    threads = [threading.Thread(target=work, args=(steps,)) for steps in (STEPS, STEPS[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(done) == 10


def test_a_signal_while_they_are_given_back_leaves_none(root, monkeypatch):
    """Ctrl-C between two of them: the others are given back all the same."""
    release = lease_module._release

    def slowly(path, lease):
        time.sleep(0.1)
        release(path, lease)

    monkeypatch.setattr(lease_module, "_release", slowly)
    interrupt = threading.Timer(0.15, os.kill, (os.getpid(), signal.SIGINT))
    # A process that was started in the background ignores the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), hold(root, STEPS, on_wait=_never):
            interrupt.start()
    finally:
        signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 10
    while leases(root) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert leases(root) == []


def test_a_killed_holder_is_free_at_once(root):
    """The lease of a process that was killed on this machine is taken without waiting."""
    code = (
        "import sys, time\nfrom tasks.lease import hold\nfrom tasks.output import open_root\n"
        "from tasks.step import Step\n"
        "with hold(open_root(sys.argv[1]), [Step('units', 1, {'n': 0}, {}, {}, 'x')], on_wait=print):\n"
        "    print('held', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, root.url], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    assert live_keys(root) == {STEPS[0].key}
    process.kill()
    process.wait()
    process.stdout.close()
    assert live_keys(root) == set()
    with hold(root, STEPS[:1], on_wait=_never):
        pass


@pytest.mark.parametrize(
    ("change", "free"),
    [
        ({}, False),
        ({"pid": 999999999}, True),
        ({"started": "1"}, True),
        ({"machine": "another", "pid": 1}, False),
        ({"machine": "another", "expires": 0.0}, True),
        ({"machine": "", "pid": 999999999}, False),
        ({"expires": 0.0}, True),
    ],
)
def test_when_a_lease_is_free(change, free):
    """Free is what a dead process of this machine holds, or what expired, and nothing else."""
    change = dict(change)
    expires = change.pop("expires", time.time() + 60)
    process = replace(this_process(), **change)
    assert Lease("k", "l", "o", process, 0.0, expires).is_free() is free
    assert parse_process(process.text()) == process


def test_the_heartbeat_keeps_it(root, monkeypatch):
    """A lease that is held for longer than its lifetime is renewed, and stays its holder's."""
    monkeypatch.setattr(lease_module, "LIFETIME", 0.5)
    monkeypatch.setattr(lease_module, "_HEARTBEAT", 0.1)
    with hold(root, STEPS[:1], on_wait=_never):
        time.sleep(1.0)
        assert live_keys(root) == {STEPS[0].key}


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"key": 1})])
def test_a_broken_lease_file_is_free(root, text):
    """Half a lease file stops nobody."""
    (root.path / "leases").mkdir()
    (root.path / "leases" / f"{STEPS[0].key}.json").write_text(text)
    with hold(root, STEPS[:1], on_wait=_never):
        assert live_keys(root) == {STEPS[0].key}


def test_no_right_to_write(root):
    """Where no lease can be written the error says what to do."""
    (root.path / "leases").symlink_to("/sys/kernel")
    with pytest.raises(EnvironmentProblem, match="No right to write: a lease") as caught:  # noqa: SIM117
        with hold(root, STEPS[:1], on_wait=_never):
            pass
    assert "--root" in caught.value.fix
