"""How a step runs: reused where sealed, told to Prefect if there is one, and not stopped by its death."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from flows.prefect_api import problem

SCRIPT = """
import json, os, sys
from contextlib import ExitStack
from types import SimpleNamespace
from flows.prefect_api import own_server, wait_for
from flows.settings import Settings, prepare_environment

prepare_environment(sys.argv[1])
with own_server() as server:
    assert wait_for(server) is None
    from prefect import flow
    from flows.session import Outcome, Session
    from flows.stepping import StudyStep
    from tasks.errors import DamagedOutput, EnvironmentProblem, UnitFailed
    from tasks.output import open_root
    from tasks.step import Step
    from tasks.study import ResourcesSpec

    root = open_root(sys.argv[1])
    made = Step("rows", 1, {}, {}, {}, "made")
    never = Step("units", 1, {}, {}, {}, "never made")
    plan = SimpleNamespace(study=SimpleNamespace(resources=ResourcesSpec()))
    shown, calls = [], []
    outcome = Outcome(show=lambda step, state: shown.append([step, state]))
    session = Session(plan, root, Settings(sys.argv[1], None, None), None, outcome, ExitStack())

    def seal(session):
        calls.append("seal")
        if session.root.find(made) is None:
            with session.root.begin(made) as attempt:
                attempt.seal({}, times={})

    def fail(session):
        calls.append("fail")
        raise UnitFailed("unit 3")

    def left_out(session):
        calls.append("left out")

    def flaky(session):
        calls.append("flaky")
        if calls.count("flaky") == 1:
            raise OSError("lost")

    def damaged(session):
        calls.append("damaged")
        raise DamagedOutput("file")

    def orphaned(session):
        calls.append("orphaned")
        server.kill()
        server.wait()

    def step(work, outputs=None):
        return StudyStep({"seal": "rows"}.get(work.__name__, "train"), work, outputs, 1, ("iin", "ray"))

    @flow
    def one():
        step(seal, lambda plan: [made])(session)
        step(seal, lambda plan: [made])(session)
        step(fail)(session)
        step(flaky)(session)
        step(left_out, lambda plan: [never])(session)
        try:
            step(damaged)(session)
        except DamagedOutput:
            shown.append("refused")

    one()
    with __import__("prefect").get_client(sync_client=True) as client:
        for _ in range(50):
            runs = client.read_task_runs()
            states = sorted([run.name, run.state_name] for run in runs)
            if len(states) == 6 and not any(state == "Running" for _, state in states):
                break
            __import__("time").sleep(0.2)
    tags = sorted({tag for run in runs for tag in run.tags})

    @flow
    def two():
        step(orphaned)(session)
        step(seal, lambda plan: [made])(session)
        return outcome.prefect_lost or "Prefect was not missed"

    try:
        two()
    except Exception as error:
        shown.append("flow ended: " + type(error).__name__)
    json.dump({"shown": shown, "calls": calls, "states": states, "tags": tags,
               "failures": [str(failure.what) for failure in outcome.failures]}, open(sys.argv[2], "w"))
    os._exit(0)
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What one flow with every kind of step, and one whose Prefect dies, did and showed."""
    folder = tmp_path_factory.mktemp("stepping")
    script, result = folder / "script.py", folder / "result.json"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-P", str(script), str(folder / "root"), str(result)],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert result.exists(), done.stdout + done.stderr
    return json.loads(result.read_text())


def test_a_sealed_step_shows_as_reused(told: dict) -> None:
    """The first time it is Completed, the second Reused, on the screen and in Prefect."""
    assert told["shown"][:4] == [
        ["rows", "running"],
        ["rows", "done"],
        ["rows", "running"],
        ["rows", "reused"],
    ]
    assert told["states"][:2] == [["rows", "Completed"], ["rows", "Reused"]]


def test_failed_units_are_noted_and_the_run_goes_on(told: dict) -> None:
    """The step failed, its reason is kept, the next steps ran."""
    assert told["failures"] == ["unit 3"]
    assert told["calls"].count("fail") == 1
    assert ["train", "Failed"] in told["states"]


def test_a_step_that_left_something_out_is_not_done(told: dict) -> None:
    """What an earlier failure kept from being made is said, though the step itself did not fail."""
    assert ["train", "incomplete"] in told["shown"]


def test_what_may_pass_is_tried_again_and_what_is_wrong_is_not(told: dict) -> None:
    """A lost connection is retried; an error that names its cause is not."""
    assert told["calls"].count("flaky") == 2
    assert told["calls"].count("damaged") == 1
    assert "refused" in told["shown"]


def test_steps_carry_their_tags(told: dict) -> None:
    """They can be filtered, and limited, by what they use."""
    assert told["tags"] == ["iin", "ray"]


def test_a_prefect_that_dies_in_the_middle_stops_no_step(told: dict) -> None:
    """Each step's work is done exactly once more, Prefect's own last word is another matter."""
    assert told["calls"][-2:] == ["orphaned", "seal"]
    assert told["shown"][-3 - isinstance(told["shown"][-1], str) :][:3] == [
        ["train", "done"],
        ["rows", "running"],
        ["rows", "reused"],
    ]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/api", "ftp://127.0.0.1/api", "nonsense"])
def test_a_prefect_that_does_not_answer_is_said(url: str) -> None:
    """Whatever PREFECT_API_URL holds, it is named in one sentence."""
    assert url in str(problem(url))


def test_a_silent_server_is_given_up_in_time(tmp_path: Path) -> None:
    """Something that accepts connections and says nothing costs the timeout, not a minute."""
    import socket
    import time

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        began = time.monotonic()
        assert "does not answer" in str(
            problem(f"http://127.0.0.1:{server.getsockname()[1]}/api", timeout=0.5)
        )
    assert time.monotonic() - began < 5
