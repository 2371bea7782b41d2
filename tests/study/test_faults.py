"""What goes wrong on a real machine, from outside: damaged data, killed workers, refusals of a run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.study.conftest import SOURCE, STUDY, Desk

SHARD = "activations.zarr/c/0/0"
TWO_LONG_UNITS = STUDY.replace('["1", "2"]', '["2"]').replace("UPDATES", "3000")
DYING = """

class Dies(nn.Tanh):
    def forward(self, x):
        import os, sys
        from pathlib import Path

        flag = Path(os.environ.get("IIN_TEST_FLAG", "/proc/never"))
        if "default_worker" in sys.argv[0] and not flag.exists():
            if flag.parent.name != "proc":
                flag.touch()
            os.kill(os.getpid(), 9)
        return super().forward(x)
"""
ENDS = """

class Ends(nn.Linear):
    def forward(self, x):
        import os, sys

        frames, frame = set(), sys._getframe()
        while frame is not None:
            frames.add(frame.f_code.co_filename)
            frame = frame.f_back
        if "IIN_TEST_FLAG" in os.environ and any(f.endswith("experiments/response.py") for f in frames):
            os.kill(os.getpid(), 9)
        return super().forward(x)
"""
NOBODY = "http://127.0.0.1:9/api"


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    """Change one bit; the size stays."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


HARMS = {"missing": (Path.unlink, "is missing"), "empty": (empty, "has 0 bytes instead of"),
         "changed": (flip, "checksum")}  # fmt: skip


def continue_from(desk: Desk, done: Desk, *kinds: str) -> None:
    """Give a desk what the undisturbed run sealed of some kinds."""
    desk.root.mkdir()
    shutil.copy(done.root / "iin.json", desk.root)
    for kind in kinds:
        shutil.copytree(done.root / kind, desk.root / kind)


def first_shard(desk: Desk) -> Path:
    """The first shard of the first array."""
    return min(desk.root.glob(f"activations/*/*/*/{SHARD}"))


@pytest.mark.parametrize(("harm", "said"), HARMS.values(), ids=HARMS)
def test_verify_names_array_and_shard(
    harm: Callable[[Path], None], said: str, desk: Desk, done: Desk
) -> None:
    """It ends with 5, says what to remove, and counts the rest as whole."""
    continue_from(desk, done, "activations", "rows")
    shard = first_shard(desk)
    harm(shard)
    out, err = desk.iin("verify", code=5)
    assert f"file '{SHARD}' of activations '0" in err
    assert said in err
    assert f"where: {shard}" in err
    assert f"remove the folder {shard.parents[4]} and run the study again" in err
    assert "2 sealed outputs are whole, 1 are damaged" in out


@pytest.mark.slow
@pytest.mark.parametrize(("harm", "said"), HARMS.values(), ids=HARMS)
def test_nothing_is_trained_on_a_damaged_shard(
    harm: Callable[[Path], None], said: str, desk: Desk, done: Desk
) -> None:
    """The run ends with 5 and names array and shard; with the folder removed it makes the same again."""
    continue_from(desk, done, "activations", "rows", "dimensions")
    shard = first_shard(desk)
    harm(shard)
    _, err = desk.iin("run", "study.yaml", "--only", "train", code=5, PREFECT_API_URL=NOBODY)
    assert f"file '{SHARD}' of activations '0" in err
    assert said in err
    assert not [unit for unit in desk.sealed() if unit.startswith("units/") and unit not in done.sealed()]
    shutil.rmtree(shard.parents[4])
    desk.iin("run", "study.yaml", "--only", "train", PREFECT_API_URL=NOBODY)
    assert desk.sealed().items() <= done.sealed().items()


@pytest.mark.slow
def test_nothing_is_trained_on_a_changed_table(desk: Desk, done: Desk) -> None:
    """A label that is another one by one bit: the run ends with 5 and seals no unit."""
    continue_from(desk, done, "activations", "rows", "dimensions")
    flip(next(desk.root.glob("rows/*/*/*/rows.parquet")))
    _, err = desk.iin("run", "study.yaml", "--only", "train", code=5, PREFECT_API_URL=NOBODY)
    assert "file 'rows.parquet' of rows 'rows' has been changed since it was sealed" in err
    assert not list(desk.root.glob("units/*/*/manifest.json"))


def busy_worker(process: subprocess.Popen[str], seconds: float) -> int:
    """The process of a Ray worker below `process` that has computed for so long."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        for pid in workers(process.pid):
            if processor_seconds(pid) > seconds:
                return pid
        time.sleep(0.05)
    raise AssertionError("no worker was busy in time")


def workers(driver: int) -> list[int]:
    """The processes below `driver` that run a call for it."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    below = {driver}
    for _ in range(4):
        below |= {int(pid) for pid, parent, _ in rows if int(parent) in below}
    return [int(pid) for pid, _, args in rows if int(pid) in below and args.startswith("ray::invoke")]


def processor_seconds(pid: int) -> float:
    """What a process has used of a processor; 0 for one that is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.slow
def test_a_worker_killed_in_training_changes_nothing(
    desk: Desk, done: Desk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """SIGKILL in the middle of the updates: the group is trained again, to the same bytes."""
    undisturbed = Desk(tmp_path_factory.mktemp("undisturbed"))
    shutil.copy(desk.folder / "tiny_source.py", undisturbed.folder)
    for each in (undisturbed, desk):
        continue_from(each, done, "activations", "rows", "dimensions")
        (each.folder / "study.yaml").write_text(TWO_LONG_UNITS)
    undisturbed.iin("run", "study.yaml", "--only", "train", PREFECT_API_URL=NOBODY)
    process = desk.start("run", "study.yaml", "--only", "train", PREFECT_API_URL=NOBODY)
    worker = busy_worker(process, seconds=4.5)
    assert not list(desk.root.glob("units/*/*/manifest.json"))
    os.kill(worker, signal.SIGKILL)
    _, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert "its worker died and it is begun again" in err
    assert desk.sealed() == undisturbed.sealed()
    assert len(list(desk.root.glob("units/*/*/manifest.json"))) == 2


def arrays(desk: Desk) -> list[str]:
    """The checksums of all shards."""
    files = [files for key, files in desk.sealed().items() if key.startswith("activations/")]
    return sorted(found[SHARD] for found in files)


@pytest.mark.slow
def test_a_worker_killed_in_extraction_changes_nothing(desk: Desk, done: Desk) -> None:
    """SIGKILL in a forward pass: the block is extracted again, to the same bytes, and the person is told."""
    (desk.folder / "tiny_source.py").write_text(SOURCE.replace("nn.Tanh()", "Dies()") + DYING)
    words = ("run", "study.yaml", "--only", "extract")
    out, err = desk.iin(*words, PREFECT_API_URL=NOBODY, IIN_TEST_FLAG=str(desk.folder / "died"))
    assert (desk.folder / "died").exists()
    assert "extract model: its worker died and it is begun again" in err
    assert out == ""
    assert arrays(desk) == arrays(done)


@pytest.mark.slow
def test_a_worker_that_always_dies_is_what_the_run_ends_with(desk: Desk) -> None:
    """Code 4 with the usual cause and the fix; what hangs on it is left out and not called damaged."""
    (desk.folder / "tiny_source.py").write_text(SOURCE.replace("nn.Tanh()", "Dies()") + DYING)
    _, err = desk.iin("run", "study.yaml", code=4, PREFECT_API_URL=NOBODY)
    said = "extract model: its worker died 4 times.\n  where: "
    assert f"error: {said}" in err
    assert "to do: the usual cause is memory" in err
    assert "damaged" not in err
    assert [line.split()[:3] for line in err.splitlines() if "train " in line][-1] == [
        "!",
        "train",
        "incomplete",
    ]
    assert f"failed: {said}" in desk.iin("status")[0]


@pytest.mark.slow
def test_rows_that_are_not_finite_end_the_run(desk: Desk) -> None:
    """Code 2 with the layer and the rows; nothing of it is sealed."""
    spoiled = "nn.Sequential(nn.Linear(8, 8), Spoils(), "
    code = "\n\nclass Spoils(nn.Module):\n    def forward(self, x):\n        return x / (x < 0.9)\n"
    text = SOURCE.replace("nn.Sequential(nn.Linear(8, 8), nn.Tanh(), ", spoiled)
    (desk.folder / "tiny_source.py").write_text(text + code)
    _, err = desk.iin("run", "study.yaml", code=2, PREFECT_API_URL=NOBODY)
    assert "of 160 rows of layer '1' are not finite: rows " in err
    assert "to do: look at those rows of the data" in err
    assert not list(desk.root.glob("activations/*/*/manifest.json"))


@pytest.mark.slow
def test_a_layer_that_does_not_exist_is_refused_before_any_step(desk: Desk) -> None:
    """The run says what the check says, with the nearest names, and makes nothing."""
    text = (desk.folder / "study.yaml").read_text()
    (desk.folder / "study.yaml").write_text(text.replace('"2"]', '"22"]'))
    said = desk.iin("check", "study.yaml", code=2)[1]
    assert "The model has no module '22'." in said
    assert "to do: nearest names: 2;" in said
    assert said in desk.iin("run", "study.yaml", code=2, PREFECT_API_URL=NOBODY)[1]
    assert desk.sealed() == {}


@pytest.mark.slow
def test_an_experiment_whose_worker_dies_fails_alone(desk: Desk) -> None:
    """Code 4 with its name; the others are sealed and kept, and the same command does what is missing."""
    (desk.folder / "tiny_source.py").write_text(SOURCE.replace("nn.Linear(8, 6)", "Ends(8, 6)") + ENDS)
    text = (desk.folder / "study.yaml").read_text()
    (desk.folder / "study.yaml").write_text(text + "  interpolation: {pairs: 8}\n")
    _, err = desk.iin("run", "study.yaml", code=4, PREFECT_API_URL=NOBODY, IIN_TEST_FLAG="1")
    assert "response · 02 2 · shape · seed 0: its worker died 4 times." in err
    before = desk.sealed()
    assert len([key for key in before if key.startswith("experiments/")]) == 4
    desk.iin("run", "study.yaml", PREFECT_API_URL=NOBODY)
    after = desk.sealed()
    assert before.items() <= after.items()
    assert len([key for key in after if key.startswith("experiments/")]) == 7
