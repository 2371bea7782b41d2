"""A pretrained network by import path: its experiments run, and their numbers are found again by hand."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from iin_core import Interpreter
from tasks.results import OpenStudy, open_study
from tests.study.conftest import Desk

HERE = Path(__file__).parent
WEIGHTS = Path(os.environ.get("IIN_ONET", "onet.pt"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        not WEIGHTS.is_file(), reason="IIN_ONET names data/onet.pt of the wheel of facenet-pytorch"
    ),
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The study after `iin run`, beside its code and weights."""
    folder = tmp_path_factory.mktemp("faces")
    for name in ("faces_lab.py", "faces.yaml"):
        shutil.copy(HERE / name, folder / name)
    shutil.copy(WEIGHTS, folder / "onet.pt")
    found = Desk(folder)
    try:
        found.iin("run", "faces.yaml", limit=1500)
        yield found
    finally:
        found.end()


@pytest.fixture(scope="module")
def study(desk: Desk) -> OpenStudy:
    """The study as a notebook opens it."""
    return open_study(desk.root, "faces")


def test_a_layer_of_faces_carries_digits_and_its_blocks_part_them(study: OpenStudy) -> None:
    """The last hidden layer: each concept is explained by its own block and told by no other."""
    table = study.experiments("layers")["layers"]
    last = table[table["layer"] == "prelu5"].pivot_table(index="concept", columns="measure", values="value")
    assert (last["explained by its block"] > 0.5).all()
    assert (last["told by another block"] < 0.2).all()


def test_the_response_of_its_own_classes_is_found_again_by_hand(study: OpenStudy, desk: Desk) -> None:
    """KL and TV of face or no face, from the exported interpreter and the last matrix alone."""
    desk.iin("export", "03 prelu5 · digit+colour · seed 0", "prelu5")
    interpreter = Interpreter.load(desk.folder / "prelu5")
    table = study.experiments("response")["response"]
    for factor in ("digit", "colour"):
        rows = table[(table["layer"] == "prelu5") & (table["output"] == "face") & (table["drawn"] == "rows")]
        rows = rows[rows["factor"] == factor].set_index("statistic")
        for statistic, value in zip(("kl", "tv"), by_hand(study, interpreter, factor, desk), strict=True):
            low, high = (float(end) for end in rows.loc[statistic, ["low", "high"]].to_numpy())
            slack = (high - low) / 2
            assert low - slack < value < high + slack


def by_hand(study: OpenStudy, interpreter: Interpreter, factor: str, desk: Desk) -> tuple[float, float]:
    """KL and TV over the sealed bases, each with 20 blocks of other held-out sources."""
    state = torch.load(desk.folder / "onet.pt", weights_only=True)
    drawn: pd.DataFrame = study.experiments("response")["response_rows"]
    base = drawn.loc[drawn["layer"] == "prelu5", "base"].to_numpy().repeat(20)
    source = study.rows["source"].to_numpy()
    held = np.flatnonzero(study.rows["split"] == "heldout")
    rng = np.random.default_rng(1)
    donor = np.array([rng.choice(held[source[held] != source[i]]) for i in base])
    z = torch.tensor(study.activations("prelu5"))
    with torch.no_grad():
        moved = interpreter.swap(z[base], z[donor], factor)
    logits = [rows @ state["dense6_1.weight"].T + state["dense6_1.bias"] for rows in (z[base], moved)]
    p, q = (torch.softmax(rows.double(), 1) for rows in logits)
    return float((p * (p / q).log()).sum(1).mean()), float((p - q).abs().sum(1).mean() / 2)
