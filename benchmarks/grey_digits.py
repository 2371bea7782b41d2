"""Grey images of handwritten digits for benchmarks: MNIST's test images from a folder, or scikit-learn's."""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from iin_core.examples.digit_reader import DigitReader
from iin_core.examples.optimisation import FitSettings, minimise, seeded

MNIST = Path(os.environ.get("IIN_MNIST", Path(__file__).parents[1] / "../shared/data/mnist"))
"""The folder with `t10k-images-idx3-ubyte.gz` and `t10k-labels-idx1-ubyte.gz`; IIN_MNIST names another."""


@dataclass(frozen=True)
class GreyDigits:
    """Images (n, 3, 32, 32) in [0, 1] with equal channels, and their table: source, digit, split."""

    images: Tensor
    table: pd.DataFrame

    def batch(self, indices: np.ndarray) -> Tensor:
        """The images of these rows."""
        return self.images[torch.from_numpy(indices)]

    def of(self, split: str) -> Tensor:
        """The images of one split."""
        return self.images[torch.from_numpy(np.flatnonzero(self.table["split"] == split))]


def grey_digits(name: str, mnist: Path = MNIST) -> GreyDigits:
    """MNIST's 10,000 test images ("mnist"), or scikit-learn's 1,797 digits ("digits").

    Half of them are held out, at random; the others are for training.
    """
    if name == "mnist":
        images, labels = mnist_digits(mnist)
    else:
        from sklearn.datasets import load_digits

        digits = load_digits()
        small = torch.from_numpy((digits.images / 16).astype(np.float32))[:, None]
        images = functional.interpolate(small, (32, 32), mode="bilinear", align_corners=False)
        labels = digits.target
    held = np.random.default_rng(0).permutation(len(images)) >= len(images) // 2
    table = pd.DataFrame({"source": np.arange(len(images)), "digit": labels.astype(np.int64)})
    table["split"] = np.where(held, "heldout", "train")
    return GreyDigits(images.expand(-1, 3, -1, -1).contiguous(), table)


def mnist_digits(folder: Path = MNIST) -> tuple[Tensor, np.ndarray]:
    """MNIST's test images (10000, 1, 32, 32) in [0, 1] and their digits (10000,)."""
    pixels = _idx(folder / "t10k-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)
    labels = _idx(folder / "t10k-labels-idx1-ubyte.gz", 8).astype(np.int64)
    return functional.pad(torch.from_numpy(pixels / np.float32(255)), (2, 2, 2, 2)), labels


def _idx(path: Path, header: int) -> np.ndarray:
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), dtype=np.uint8, offset=header)


def fit_reader(data: GreyDigits, *, updates: int = 600, seed: int = 0) -> DigitReader:
    """The example reader, taught the digit of the training images alone."""
    reader = DigitReader()
    train = np.flatnonzero(data.table["split"] == "train")
    images, labels = data.batch(train), torch.from_numpy(data.table["digit"].to_numpy()[train])
    settings = FitSettings(updates=updates, batch=128, learning_rate=3e-3, weight_decay=0.02)
    with seeded(reader, seed):

        def losses(_: float) -> dict[str, Tensor]:
            drawn = torch.randint(len(images), (settings.batch,))
            said = reader(images[drawn])["digit"]
            return {"digit": functional.cross_entropy(said, labels[drawn], label_smoothing=0.05)}

        minimise(reader, losses, settings)
    return reader


@torch.no_grad()
def reads(reader: nn.Module, data: GreyDigits) -> float:
    """The share of held-out images whose digit the reader says."""
    held = np.flatnonzero(data.table["split"] == "heldout")
    said = torch.cat([reader(part)["digit"].argmax(1) for part in data.batch(held).split(256)])
    return float((said.numpy() == data.table["digit"].to_numpy()[held]).mean())
