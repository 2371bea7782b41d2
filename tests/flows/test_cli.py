"""The command line: fast help, and what a person reads when something is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli import COMMANDS
from tests.core.published_conditional_reference import Net2Net, drawn
from tests.core.published_reference import random_checkpoint
from tests.flows.conftest import Command

HEAVY = (
    "torch",
    "prefect",
    "ray",
    "mlflow",
    "zarr",
    "pandas",
    "sklearn",
    "matplotlib",
    "pyarrow",
    "pydantic",
)


def test_help_imports_nothing_heavy() -> None:
    """`iin --help` is instant since each command imports what it needs itself."""
    code = (
        "import sys\nfrom flows.cli import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(name in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, iin: Command) -> None:
    """Its help says what it does, and what its flags are."""
    shown = iin.ok(name, "--help")
    assert "Usage:" in shown
    if name not in ("init", "import", "layers"):
        assert "--root" in shown


def test_commands_that_print_facts_take_json() -> None:
    """All but those that write a file, run, or serve."""
    import inspect

    with_json = {name for name, made in COMMANDS.items() if "as_json" in inspect.signature(made).parameters}
    assert set(COMMANDS) - with_json == {"init", "run", "ui"}


def test_wrong_usage_is_2(iin: Command) -> None:
    """An unknown flag or command is answered on standard error."""
    assert "--nonsense" in iin.fails(2, "status", "--nonsense")
    iin.fails(2, "nonsense")


def test_init_then_check_then_plan(iin: Command) -> None:
    """What `iin init` writes passes `iin check`, and its plan is all new."""
    iin.ok("init", "mine", "--from", "own")
    assert "mine is in order" in iin.ok("check", "mine.yaml")
    planned = json.loads(iin.ok("plan", "mine.yaml", "--json"))
    assert {step["state"] for step in planned["steps"]} == {"new"}
    assert planned["totals"]["units_to_train"] == 4
    assert not Path("iin-data").exists()


def test_a_plan_says_what_it_costs(iin: Command, study: Path) -> None:
    """Updates, bytes on disk and memory, besides the steps."""
    last = iin.ok("plan", str(study)).splitlines()[-1]
    assert "4 of 4 units to train, 2,000 updates; about " in last
    assert " s of one core to evaluate; 112.5 KiB of activations to write; about " in last
    assert (
        last.endswith("MiB of memory to train the largest group, of 1 units") or " group, of 2 units" in last
    )
    planned = json.loads(iin.ok("plan", str(study), "--json"))
    totals = planned["totals"]
    assert (totals["updates"], totals["bytes_to_write"]) == (2000, 600 * (32 + 16) * 4)
    said = [step["seconds"] for step in planned["steps"] if step["step"] == "evaluate"]
    assert totals["seconds_of_evaluation"] == round(sum(said)) > 0


def test_layers_lists_every_module(iin: Command, study: Path) -> None:
    """Name, type, shape, features and bytes; those in the study are marked."""
    listed = json.loads(iin.ok("layers", str(study), "--json"))
    assert [(row["layer"], row["type"], row["shape"]) for row in listed] == [
        ("0", "Linear", [32]),
        ("1", "ReLU", [32]),
        ("2", "Linear", [16]),
    ]
    assert listed[0]["bytes"] == {"flatten": 600 * 32 * 4}
    assert [row["note"] for row in listed] == ["in the study", "", "in the study"]
    assert "in the study" in iin.ok("layers", str(study))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("layers:", "layrs:", "layrs"),
        ('"2": flatten', '"22": flatten', "no module '22'"),
        ("shape: label", "shpe: label", "shpe"),
        ("seeds: [0]", "seeds: [0]\nseeds: [1]", "seeds"),
        (":network", ":netwrk", "netwrk"),
    ],
)
def test_a_wrong_study_is_refused_by_check_and_by_run(
    before: str, after: str, said: str, iin: Command, study: Path
) -> None:
    """The same text, with the line, exit code 2, and no root made."""
    text = study.read_text()
    assert before in text
    study.write_text(text.replace(before, after))
    shown = iin.fails(2, "check", str(study))
    assert said in shown
    assert f"{study.name}:" in shown
    assert "docs/errors.md#" in shown
    assert not Path("iin-data").exists()


def test_code_that_exits_is_a_wrong_study(iin: Command, study: Path) -> None:
    """A script that ends the program when it is imported does not end the check as if all were well."""
    source = study.with_name("small_source.py")
    source.write_text("import sys\n\nsys.exit(0)\n" + source.read_text())
    shown = iin.fails(2, "check", str(study))
    assert "Importing 'small_source' raised SystemExit: 0." in shown
    assert "small_source.py:3" in shown


@pytest.mark.parametrize("command", [["status"], ["results", "x"], ["verify"], ["gc"], ["ui"], ["reconcile"]])
def test_no_root_is_said(command: list[str], iin: Command) -> None:
    """A command that reads results says where it looked, and makes no folder."""
    shown = iin.fails(3, *command, "--root", "nowhere")
    assert "There are no results here" in shown
    assert "nowhere" in shown
    assert not Path("nowhere").exists()


def test_a_port_that_is_taken_is_said(iin: Command) -> None:
    """MLflow's own server would write that into its log and end with 0."""
    import socket

    from tasks.output import open_root

    open_root("root")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        shown = iin.fails(3, "ui", "--root", "root", "--port", str(port))
    assert f"The port {port} cannot be used: Address already in use." in shown
    assert f"open http://127.0.0.1:{port}" in shown


def test_an_unknown_study_names_those_that_are_there(iin: Command) -> None:
    """Also when there are none yet."""
    from tasks.output import open_root

    open_root("root")
    assert "studies here: none" in iin.fails(2, "results", "digits", "--root", "root")
    assert "no study has been run" in iin.ok("status", "--root", "root")


def test_an_unknown_step_of_only_is_refused_before_anything(iin: Command, study: Path) -> None:
    """No server is started for a typing error."""
    assert "no step 'trian'" in iin.fails(2, "run", str(study), "--only", "trian")
    assert not Path("iin-data").exists()


def test_a_published_checkpoint_becomes_a_folder(iin: Command, tmp_path: Path) -> None:
    """`iin import` writes what `Interpreter.load` reads; its blocks are those that were given."""
    import torch

    from iin_core import Interpreter

    torch.save({"model": random_checkpoint(n_dims=8)}, tmp_path / "ckpt.pth")
    said = json.loads(
        iin.ok("import", "ckpt.pth", "out", "--blocks", "digit=3,colour=2,residual=3", "--json")
    )
    assert said["blocks"] == {"digit": 3, "colour": 2, "residual": 3}
    assert Interpreter.load(tmp_path / "out").blocks.dims == said["blocks"]
    assert "not empty" in iin.fails(2, "import", "ckpt.pth", "out", "--blocks", "digit=3,colour=2,residual=3")


def test_a_conditional_checkpoint_becomes_a_folder_without_blocks(iin: Command, tmp_path: Path) -> None:
    """It has none; the paper's layout is asked for its own."""
    import torch

    from iin_core import ConditionalInterpreter

    torch.save({"state_dict": drawn(Net2Net).state_dict()}, tmp_path / "last.ckpt")
    assert json.loads(iin.ok("import", "last.ckpt", "out", "--json"))["blocks"] == {"residual": 8}
    assert ConditionalInterpreter.load(tmp_path / "out").n_features == 8
    torch.save({"model": random_checkpoint(n_dims=8)}, tmp_path / "ckpt.pth")
    assert "does not name its blocks" in iin.fails(2, "import", "ckpt.pth", "other")


@pytest.mark.parametrize("blocks", ["digit", "digit=x", "digit=1,digit=2", "=3", "digit=-1", ""])
def test_blocks_that_cannot_be_read_are_refused(blocks: str, iin: Command) -> None:
    """The fix shows how they are written."""
    shown = iin.fails(2, "import", "ckpt.pth", "out", "--blocks", blocks)
    assert "is not a block" in shown
    assert "digit=22,colour=11,residual=31" in shown


def test_gc_shows_first_and_deletes_when_told(iin: Command) -> None:
    """An output that no study refers to is listed with its size, and goes with --delete only."""
    from tasks.output import open_root
    from tasks.step import Step

    root, step = open_root("root"), Step("rows", 1, {}, {}, {}, "old rows")
    with root.begin(step) as attempt:
        (attempt.path / "data").write_bytes(b"x" * 2048)
        attempt.seal({}, times={})
    shown = iin.ok("gc", "--root", "root")
    assert f"rows/{step.key[:2]}/{step.key[:12]}" in shown
    assert "old rows: no study in this root refers to it" in shown
    assert root.find(step) is not None
    assert json.loads(iin.ok("gc", "--root", "root", "--json"))["unwanted"][0]["bytes"] > 2048
    iin.ok("gc", "--root", "root", "--delete")
    assert root.find(step) is None
    assert "nothing to delete" in iin.ok("gc", "--root", "root")
