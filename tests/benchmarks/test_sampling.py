"""The claim of the sampling benchmark, and the data that it reads."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.grey_digits import MNIST, grey_digits
from benchmarks.sampling import measure
from iin_core.generators import margin, value_of


def test_half_of_the_digits_are_held_out_and_all_channels_are_equal() -> None:
    """Images lie in [0, 1], 32 × 32, and each stands on one side."""
    data = grey_digits("digits")
    assert data.images.shape == (1797, 3, 32, 32)
    assert torch.equal(data.images[:, 0], data.images[:, 2])
    assert 0 <= float(data.images.min()) < float(data.images.max()) <= 1
    assert (len(data.of("train")), len(data.of("heldout"))) == (898, 899)


def test_mnist_is_read_from_its_two_files(tmp_path: Path) -> None:
    """28 × 28 pixels in the middle of 32 × 32, each image with its label."""
    pixels = np.arange(2 * 28 * 28, dtype=np.uint8)
    for name, header, content in (
        ("images-idx3", 16, pixels),
        ("labels-idx1", 8, np.array([7, 3], np.uint8)),
    ):
        with gzip.open(tmp_path / f"t10k-{name}-ubyte.gz", "wb") as file:
            file.write(bytes(header) + content.tobytes())
    data = grey_digits("mnist", tmp_path)
    assert data.table["digit"].tolist() == [7, 3]
    assert torch.equal(
        data.images[1, 0, 2:30, 2:30] * 255, torch.from_numpy(pixels[784:].reshape(28, 28)).float()
    )
    assert float(data.images[:, :, :2].abs().max()) == 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_samples_of_an_iin_beat_those_of_a_gaussian_by_more_than_the_seeds_spread(tmp_path: Path) -> None:
    """On MNIST's test images where they are at hand, else on scikit-learn's digits; three seeds."""
    table, _ = measure(grey_digits("mnist" if MNIST.is_dir() else "digits"), tmp_path, twins=False)
    assert value_of(table, "IIN", "fid_high") < value_of(table, "Gaussian", "fid_low")
    assert margin(table, "IIN", "Gaussian") > 0
    by_name = table.set_index("method")
    assert by_name.loc["IIN", "precision"] > by_name.loc["Gaussian", "precision"]
    assert by_name.loc["reconstructions", "fid"] < by_name.loc["IIN", "fid_low"]
