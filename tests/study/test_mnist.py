"""A study of MNIST with networks of one's own: the paper's findings, and the numbers found again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.grey_digits import MNIST
from iin_core import Interpreter
from tasks.results import OpenStudy, open_study
from tests.study import mnist_lab
from tests.study.conftest import Desk

HERE = Path(__file__).parent
BLOCKS = "digit+colour"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not MNIST.is_dir(), reason=f"no MNIST in {MNIST}; IIN_MNIST names its folder"),
]


@pytest.fixture(scope="module")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Networks fitted by a script of their own, then the study by `iin run`."""
    folder = tmp_path_factory.mktemp("mnist")
    for name in ("mnist_lab.py", "mnist.yaml"):
        shutil.copy(HERE / name, folder / name)
    mnist_lab.MNIST = MNIST
    mnist_lab.train(folder)
    desk = Desk(folder)
    try:
        desk.iin("run", "mnist.yaml", limit=1500, IIN_MNIST=str(MNIST.resolve()))
        yield desk
    finally:
        desk.end()


@pytest.fixture(scope="module")
def study(mnist: Desk) -> OpenStudy:
    """The study as a notebook opens it."""
    return open_study(mnist.root, "mnist")


def scores(study: OpenStudy, experiment: str, **where: str) -> pd.Series:
    """Score → value, of the rows that a model, layer and concept set choose."""
    table = study.experiments(experiment)["scores"]
    for column, wanted in where.items():
        table = table[table[column] == wanted]
    return table.set_index("score")["value"]


def test_the_digit_rises_over_the_layers_and_the_colour_falls(study: OpenStudy) -> None:
    """Of a classifier that was told of digits alone."""
    table = study.experiments("layers")["layers"]
    table = table[(table["model"] == "classifier") & (table["measure"] == "carried by the layer")]
    carried = table.pivot_table(index="layer", columns="concept", values="value")
    assert carried.loc["fc", "digit"] > carried.loc["conv1", "digit"] + 0.3
    assert carried.loc["conv1", "colour"] > carried.loc["fc", "colour"] + 0.5


def test_the_classifier_answers_to_the_digit_alone(study: OpenStudy, mnist: Desk) -> None:
    """At its last layer; and a response computed anew by hand from the exported interpreter is the same."""
    found = scores(study, "response", model="classifier", layer="fc")
    assert found["response/digit_tv"] > 5 * found["response/colour_tv"]
    mnist.iin("export", f"02 fc · {BLOCKS} · seed 0", "fc")
    interpreter = Interpreter.load(mnist.folder / "fc")
    kl, tv = response_by_hand(study, interpreter, mnist.folder)
    table = study.experiments("response")["response"]
    rows = table[(table["layer"] == "fc") & (table["factor"] == "digit") & (table["drawn"] == "prior")]
    for statistic, value in (("kl", kl), ("tv", tv)):
        row = rows[rows["statistic"] == statistic].iloc[0]
        slack = (row["high"] - row["low"]) / 2
        assert row["low"] - slack < value < row["high"] + slack


def response_by_hand(study: OpenStudy, interpreter: Interpreter, folder: Path) -> tuple[float, float]:
    """KL and TV of the digit drawn anew, over all held-out rows, by NumPy and the last layer's matrix."""
    state = torch.load(folder / "classifier.pt", weights_only=True)
    weight, bias = (state[f"out.{name}"].double().numpy() for name in ("weight", "bias"))

    def said(z: np.ndarray) -> np.ndarray:
        logits = z.astype(np.float64) @ weight.T + bias
        p = np.exp(logits - logits.max(1, keepdims=True))
        return p / p.sum(1, keepdims=True)

    z = study.activations("classifier/fc")[(study.rows["split"] == "heldout").to_numpy()]
    plain, moved = [], []
    for seed in range(8):
        plain.append(said(z))
        moved.append(said(interpreter.resample(z, "digit", seed=seed).numpy()))
    p, q = np.concatenate(plain), np.concatenate(moved)
    kl = np.where(p > 0, p * (np.log(np.maximum(p, 1e-300)) - np.log(np.maximum(q, 1e-300))), 0).sum(1)
    return float(kl.mean()), float(np.abs(p - q).sum(1).mean() / 2)


def test_a_swap_changes_its_factor_and_keeps_the_other(study: OpenStudy) -> None:
    """So says the independent reader, of all pairs of the evaluation and of the grid that is shown."""
    table = study.scores
    joint = table[(table["layer"] == "encoder") & (table["concepts"] == BLOCKS)]["score/joint_reader"]
    assert float(joint.iloc[0]) > 0.6
    found = scores(study, "swaps")
    assert found["swaps/colour_reader_joint"] > 0.7
    assert found["swaps/digit_reader_isolate"] > 0.9


def test_samples_of_the_iin_beat_those_of_a_gaussian(study: OpenStudy) -> None:
    """By precision without concepts; by FID, which needs the classes' shares, with them."""
    table = study.experiments("sampling")["generators"].set_index(["concepts", "method"])
    iin, gaussian = table.loc["none", "IIN"], table.loc["none", "Gaussian"]
    assert iin["precision_low"] > gaussian["precision_high"]
    iin, gaussian = table.loc[BLOCKS, "IIN"], table.loc[BLOCKS, "Gaussian"]
    assert iin["fid"] < gaussian["fid"]


def test_lines_in_z_tilde_lose_less_density_than_lines_in_z(study: OpenStudy) -> None:
    """Between digits of two classes, with and without concepts."""
    for concepts in ("none", BLOCKS):
        lines = scores(study, "interpolation", concepts=concepts)
        change = "interpolation/log_prob_change_"
        assert lines[f"{change}code"] > lines[f"{change}activation"] + 0.05


def test_the_fid_of_reconstructions_is_found_again_exactly(study: OpenStudy, mnist: Desk) -> None:
    """Nothing is drawn there: features of the reader and the root of the matrix by hand."""
    table = study.experiments("sampling")["generators"].drop_duplicates("method").set_index("method")
    reader, net = mnist_lab.Reader(), mnist_lab.Autoencoder()
    reader.load_state_dict(torch.load(mnist.folder / "reader.pt", weights_only=True))
    net.load_state_dict(torch.load(mnist.folder / "autoencoder.pt", weights_only=True))
    data, _ = mnist_lab.coloured()
    held = np.flatnonzero((study.rows["split"] == "heldout").to_numpy())
    images = torch.stack([data[i][0] for i in held])
    with torch.no_grad():
        real, made = (reader.body(x).double().numpy() for x in (images, net(images)))
    a, b = np.cov(real.T), np.cov(made.T)
    root = np.sqrt(np.linalg.eigvals(a @ b).real.clip(0)).sum()
    fid = ((real.mean(0) - made.mean(0)) ** 2).sum() + np.trace(a + b) - 2 * root
    assert float(table.loc["reconstructions", "fid"]) == pytest.approx(fid, rel=1e-3)


def test_the_dimensions_follow_from_what_pairs_share(study: OpenStudy) -> None:
    """The variance between classes, as a share of all, through the softmax."""
    interpreter = study.interpreter("classifier/fc", BLOCKS)
    train = (study.rows["split"] == "train").to_numpy()
    z = study.activations("classifier/fc")[train].astype(np.float64)
    share = {}
    for concept in ("digit", "colour"):
        of_class = pd.DataFrame(z).groupby(study.rows[concept].to_numpy()[train])
        share[concept] = float(of_class.transform("mean").var(ddof=0).sum() / z.var(0).sum())
    weight = {"residual": np.e, **{name: np.exp(value) for name, value in share.items()}}
    for concept in share:
        expected = weight[concept] / sum(weight.values())
        assert abs(interpreter.blocks.dims[concept] - expected * interpreter.blocks.n_dims) < 3
