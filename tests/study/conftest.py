"""A study so small that it can be run whole, and `iin` as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SOURCE = """
import numpy as np
import pandas as pd
import torch
from torch import nn


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 6))


def examples():
    rng = np.random.default_rng(0)
    source = np.repeat(np.arange(80), 2)
    shape = rng.integers(0, 2, 80)[source]
    inputs = rng.normal(size=(2, 8))[shape] + 0.1 * rng.normal(size=(len(source), 8))
    table = pd.DataFrame({"source": source, "shape": np.array(["disc", "star"])[shape]})
    return torch.tensor(inputs, dtype=torch.float32), table
"""
STUDY = """
iin: 1
name: tiny
data: {source: {import: "tiny_source:examples"}}
model: {import: "tiny_source:network"}
layers: ["1", "2"]
concepts:
  shape: {shape: label}
  none: {}
flow: {couplings: 2, hidden: 8}
training: {updates: UPDATES, batch: 16}
evaluation: {pairs: 50, probes: [linear], baselines: [], bootstrap: 0}
overrides:
  - {layer: "2", concepts: shape, headline: true}
experiments:
  layers: {}
  response: {concepts: shape, bases: 10, draws: 2}
"""


@dataclass
class Desk:
    """A folder with a study in it, from which `iin` is called as a person would."""

    folder: Path
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """Where results lie."""
        return self.folder / "iin-data"

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        """Call `iin` and go on."""
        kept = {"PATH", "LANG", "OMP_NUM_THREADS", "PYTHONPATH"}
        own = {name: value for name, value in os.environ.items() if name in kept}
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "flows.cli", *words],
            cwd=self.folder,
            env={**own, "HOME": str(home), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.running.append(process)
        return process

    def iin(self, *words: str, code: int = 0, limit: float = 240, **environment: str) -> tuple[str, str]:
        """Call `iin` to its end; what it printed to standard output and error."""
        process = self.start(*words, **environment)
        out, err = process.communicate(timeout=limit)
        assert process.returncode == code, out + err
        return out, err

    def sealed(self) -> dict[str, dict[str, str]]:
        """Kind and key of every sealed output → checksum of each of its files."""
        manifests = [json.loads(path.read_text()) for path in self.root.glob("*/*/*/manifest.json")]
        return {
            f"{manifest['kind']}/{manifest['key']}": {
                name: entry["sha256"] for name, entry in manifest["files"].items()
            }
            for manifest in manifests
        }

    def wait_until_sealed(self, kind: str, process: subprocess.Popen[str], n: int = 1) -> None:
        """Wait until `n` outputs of a kind are sealed."""
        deadline = time.monotonic() + 120
        while len(list(self.root.glob(f"{kind}/*/*/manifest.json"))) < n:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def end(self) -> None:
        """End what is still running."""
        for process in self.running:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()


def make_desk(folder: Path, updates: int = 5) -> Desk:
    """Write the tiny study into a folder."""
    (folder / "tiny_source.py").write_text(SOURCE)
    (folder / "study.yaml").write_text(STUDY.replace("UPDATES", str(updates)))
    return Desk(folder)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """The tiny study in an empty folder; what is still running at the end is ended."""
    made = make_desk(tmp_path)
    yield made
    made.end()


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The tiny study after its first run, with what that run printed in `first.out` and `first.err`."""
    made = make_desk(tmp_path_factory.mktemp("done"))
    out, err = made.iin("run", "study.yaml")
    (made.folder / "first.out").write_text(out)
    (made.folder / "first.err").write_text(err)
    yield made
    made.end()
