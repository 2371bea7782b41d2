"""The cluster: calls, failures, dead workers, logs, foreign code, and addresses where nobody is."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest
import ray

from iin_core.errors import InputError
from tasks.cluster import Call, connect
from tasks.cluster_worker import RECORDS_A_SECOND
from tasks.errors import EnvironmentProblem, UnitFailed
from tasks.head import check_address
from tasks.nodes import NodeWatch
from tasks.study import ResourceSpec, ResourcesSpec

ONE = ResourceSpec()
JOBS = """
import logging, os, sys, time
from pathlib import Path
from iin_core.errors import InputError
log = logging.getLogger("tasks.cluster_jobs")

def square(x):
    log.info("squaring %d", x)
    return x * x

def pick(x):
    if x == 1:
        raise InputError("one is not allowed", where="x", fix="take two")
    if x == 2:
        class Local(Exception):
            def __init__(self, a, b): super().__init__(a); self.handle = open(os.devnull)
        raise Local("never", "picklable")
    if x == 3:
        return (i for i in range(3))
    if x == 5:
        sys.exit("usage: train.py")
    return x

def die_once(flag, x):
    if not Path(flag).exists():
        Path(flag).touch()
        os.kill(os.getpid(), 9)
    return x

def die():
    os.kill(os.getpid(), 9)

def hungry(kind, tries):
    import resource, torch
    with open(tries, "a") as file:
        file.write("x")
    if kind == "modest":
        return torch.ones(3).sum().item()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, before[1]))
    try:
        return bytearray(2**32) if kind == "python" else torch.zeros(2**31)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)

def surroundings(name):
    import torch, tasks
    return {"threads": torch.get_num_threads(), "tasks": tasks.__file__, "path": sys.path,
            "variable": os.environ.get(name), "cwd": os.getcwd()}

def chatter(n):
    for i in range(n):
        log.warning("line %d", i)

class Counter:
    def __init__(self, start, flag):
        self.n, self.flag = start, Path(flag)
    def __call__(self, x):
        self.n += 1
        if x == 3 and not self.flag.exists():
            self.flag.touch()
            os.kill(os.getpid(), 9)
        return x, self.n, os.getpid()
"""


@pytest.fixture(scope="module")
def jobs(jobs_folder):
    """A module of the study's folder, importable here and on the workers."""
    (jobs_folder / "cluster_jobs.py").write_text(JOBS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(jobs_folder))
        yield importlib.import_module("cluster_jobs")


def _run(cluster, function, *calls):
    values = {}
    failures = cluster.run(
        function, calls, resource=ONE, on_done=lambda call, value: values.__setitem__(call.label, value)
    )
    return values, failures


def test_values_and_logs_arrive(cluster, jobs, caplog):
    """Every call's value reaches on_done, and its log records the driver's log with its label."""
    with caplog.at_level(logging.INFO, "tasks.worker"):
        values, failures = _run(cluster, jobs.square, *(Call(f"call {i}", (i,)) for i in range(5)))
    assert values == {f"call {i}": i * i for i in range(5)}
    assert failures == []
    assert "call 3: squaring 3" in [record.getMessage() for record in caplog.records]


def test_failures_are_returned_and_the_others_finish(cluster, jobs):
    """An error of ours arrives as itself, any other as a failed unit with its traceback."""
    values, failures = _run(cluster, jobs.pick, *(Call(f"call {i}", (i,)) for i in range(6)))
    assert values == {"call 0": 0, "call 4": 4}
    errors = {failure.call.label: failure.error for failure in failures}
    assert isinstance(errors["call 1"], InputError)
    assert (errors["call 1"].where, errors["call 1"].fix) == ("x", "take two")
    assert isinstance(errors["call 2"], UnitFailed)
    assert "call 2: Local: never (cluster_jobs.py, line " in errors["call 2"].what
    assert "cluster_jobs.py" in errors["call 2"].where
    assert isinstance(errors["call 3"], UnitFailed)
    assert errors["call 5"].what.startswith("call 5: SystemExit: usage: train.py (cluster_jobs.py, line ")


def test_a_killed_worker_is_replaced(cluster, jobs, tmp_path, caplog, capfd):
    """A call whose worker is killed runs again and gives its value; the log says so, and Ray is silent."""
    values, failures = _run(cluster, jobs.die_once, Call("call", (str(tmp_path / "flag"), 7)))
    assert (values, failures) == ({"call": 7}, [])
    assert "call: its worker died and it is begun again" in caplog.messages
    assert capfd.readouterr().out == ""


@pytest.mark.slow
def test_a_call_that_always_kills_its_worker_fails_alone(cluster, jobs):
    """Retries are finite, and the message names memory as the usual cause."""
    _, failures = _run(cluster, jobs.die, Call("greedy"))
    assert "greedy: its worker died 4 times" in failures[0].error.what
    assert "memory_gib" in failures[0].error.fix


def test_memory_that_is_used_up_fails_its_call_alone_and_once(cluster, jobs, tmp_path):
    """Python's error and torch's are told in words; neither is begun anew, and others have their memory."""
    kinds = ("python", "torch", "modest")
    values, failures = _run(
        cluster, jobs.hungry, *(Call(kind, (kind, str(tmp_path / kind))) for kind in kinds)
    )
    assert values == {"modest": 3.0}
    assert all((tmp_path / kind).read_text() == "x" for kind in kinds)
    said = {failure.call.label: failure.error for failure in failures}
    for kind in ("python", "torch"):
        assert said[kind].what.startswith(f"{kind}: there was not enough memory (cluster_jobs.py, line ")
        assert "memory_gib" in said[kind].fix


def test_actors_keep_their_instance_and_survive_a_kill(cluster, jobs, tmp_path, caplog):
    """Actors make their instance once, and anew after a kill; no call is lost, and the log says so."""
    got = []
    calls = [Call(str(i), (i,)) for i in range(6)]
    failures = cluster.run_actors(
        jobs.Counter,
        (0, str(tmp_path / "flag")),
        calls,
        resource=ONE,
        on_done=lambda _, value: got.append(value),
    )
    assert failures == []
    assert sorted(x for x, _, _ in got) == list(range(6))
    assert max(n for _, n, _ in got) > 1
    assert any("its worker died and it is begun again" in message for message in caplog.messages)


def test_workers_are_set_up(cluster, jobs, monkeypatch):
    """A worker has our packages, one thread for a CPU, the driver's settings, the study's folder last."""
    monkeypatch.setenv("IIN_ALLOW_CODE", "cluster_jobs")
    values, _ = _run(cluster, jobs.surroundings, Call("a", ("IIN_ALLOW_CODE",)))
    found = values["a"]
    assert found["threads"] == 1
    assert found["variable"] == "cluster_jobs"
    assert found["path"][-1] == cluster.folder
    assert str(Path.cwd()) not in found["path"]


def test_a_flood_of_records_is_bounded(cluster, jobs, caplog):
    """A worker that logs too much is cut off, and the number left out is said."""
    with caplog.at_level(logging.INFO, "tasks.worker"):
        _run(cluster, jobs.chatter, Call("loud", (500,)))
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("loud")]
    assert len(lines) < 5 * RECORDS_A_SECOND
    assert "more records were left out" in lines[-1]


def test_resource_that_no_node_offers(cluster, jobs):
    """Asking for more than the machine has ends at once with what there is."""
    with pytest.raises(EnvironmentProblem, match=r"No node offers.*3 GPUs") as caught:
        cluster.run(jobs.square, [Call("a", (1,))], resource=ResourceSpec(gpus=3))
    assert "CPUs" in caught.value.where
    assert "resources.wait" in caught.value.fix


def test_waiting_for_a_node(cluster):
    """On a cluster that may grow, a resource that no node has yet is waited for, up to the limit."""
    watch = NodeWatch(ResourceSpec(gpus=1), ResourcesSpec(wait=1.0), local=False)
    start = time.monotonic()
    with pytest.raises(EnvironmentProblem, match="No node offers"):
        watch.wait()
    assert 1 <= time.monotonic() - start < 5


def test_time_limit(cluster, jobs, jobs_folder):
    """A step that runs over its limit is stopped and says how to go on."""
    with connect(None, ResourcesSpec(time_limit=0.5), folder=jobs_folder) as limited:
        start = time.monotonic()
        with pytest.raises(EnvironmentProblem, match=r"time limit of 0\.5 s"):
            limited.run(time.sleep, [Call("a", (60.0,))], resource=ONE)
    assert time.monotonic() - start < 20


def test_a_wish_to_stop_is_kept_where_its_exception_was_lost(cluster):
    """Code that catches everything can take a signal's exception; the wish ends the calls all the same."""
    wanted = iter([False, True])
    stopping = replace(cluster, stopped=lambda: next(wanted))
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        stopping.run(time.sleep, [Call("a", (60.0,))], resource=ONE)
    assert time.monotonic() - start < 20


def test_dead_address():
    """An address where nobody listens is answered within 5 s."""
    start = time.monotonic()
    with pytest.raises(EnvironmentProblem, match=r"No Ray cluster answers at 127\.0\.0\.1:1") as caught:
        check_address("127.0.0.1:1")
    assert time.monotonic() - start < 5
    assert "on this machine" in caught.value.fix


def test_address_where_something_else_listens():
    """A listener that is no Ray head is answered within 5 s too."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        start = time.monotonic()
        with pytest.raises(EnvironmentProblem, match="does not answer as Ray does"):
            check_address(f"127.0.0.1:{server.getsockname()[1]}")
        assert time.monotonic() - start < 6


@pytest.mark.parametrize("address", ["auto", "ray://head:10001", "head", "head:port", ":6379"])
def test_addresses_that_are_none(address):
    """Client mode, auto and words that are no host:port are refused with an example."""
    with pytest.raises(EnvironmentProblem, match="not the address of a Ray head") as caught:
        check_address(address)
    assert "6379" in caught.value.fix


def _script(tmp_path, text, *args, **environment):
    script = tmp_path / "driver.py"
    script.write_text(textwrap.dedent(text))
    return subprocess.Popen(
        [sys.executable, str(script), *args],
        cwd=tmp_path,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_hostile_tasks_beside_the_study(tmp_path):
    """A tasks.py in the working directory, and an unwritable HOME, do not disturb the workers."""
    (tmp_path / "tasks.py").write_text("raise SystemExit('shadowed')")
    (tmp_path / "iin_core.py").write_text("raise SystemExit('shadowed')")
    text = """
        import sys
        here = sys.path.pop(0)
        import tasks.cluster as c, tasks.study as s
        sys.path.insert(0, here)
        from pathlib import Path
        with c.connect(None, s.ResourcesSpec(), folder=Path(here)) as cluster:
            import os.path
            failures = cluster.run(os.path.basename, [c.Call("a", ("x/y",))], resource=s.ResourceSpec(),
                                   on_done=lambda call, value: print("value", value))
            print("failures", failures)
    """
    out, _ = _script(tmp_path, text, HOME="/proc/nonexistent").communicate(timeout=120)
    assert out == "value y\nfailures []\n"


ADDRESS = """
    import sys
    import tasks.cluster as c, tasks.study as s
    from iin_core.errors import IinError
    try:
        with c.connect(sys.argv[1], s.ResourcesSpec()) as cluster:
            import os.path
            failures = cluster.run(os.path.basename, [c.Call("a", ("x/y",))], resource=s.ResourceSpec(),
                                   on_done=lambda call, value: print("value", value))
            print("failures", failures)
    except IinError as error:
        print(type(error).__name__, error)
"""


def test_a_given_cluster(cluster, tmp_path):
    """Work runs on the cluster of a given address, which outlives the driver."""
    address = ray.get_runtime_context().gcs_address
    out, _ = _script(tmp_path, ADDRESS, address).communicate(timeout=120)
    assert out == "value y\nfailures []\n"
    assert ray.nodes()[0]["Alive"]


def test_a_given_cluster_refuses_a_wrong_token(cluster, tmp_path):
    """A wrong token is told within seconds, with the names of the variables to set."""
    address = ray.get_runtime_context().gcs_address
    out, _ = _script(tmp_path, ADDRESS, address, RAY_AUTH_TOKEN="0" * 64).communicate(timeout=60)
    assert f"EnvironmentProblem Ray at {address} refuses our token." in out
    assert "RAY_AUTH_TOKEN_PATH" in out


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_driver_takes_its_work_along(tmp_path, how):
    """After SIGINT or SIGKILL of the driver its workers are gone within seconds."""
    text = """
        import tasks.cluster as c, tasks.study as s
        import sys; sys.path.append("."); import job
        from pathlib import Path
        with c.connect(None, s.ResourcesSpec(), folder=Path.cwd()) as cluster:
            cluster.run(job.run, [c.Call("a")], resource=s.ResourceSpec())
    """
    (tmp_path / "job.py").write_text(
        "import os, time, pathlib\ndef run():\n"
        f"    pathlib.Path('{tmp_path}/draft').write_text(str(os.getpid()))\n"
        f"    os.rename('{tmp_path}/draft', '{tmp_path}/pid')\n    time.sleep(100)\n"
    )
    driver = _script(tmp_path, text)
    deadline = time.monotonic() + 60
    while not (tmp_path / "pid").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    pid = int((tmp_path / "pid").read_text())
    # The terminal sends SIGINT to the whole group.
    os.killpg(driver.pid, how) if how == signal.SIGINT else driver.kill()
    out, _ = driver.communicate(timeout=30)
    deadline = time.monotonic() + 15
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{pid}").exists()
    assert how == signal.SIGKILL or "KeyboardInterrupt" in out
