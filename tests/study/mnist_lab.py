"""Coloured MNIST, three networks and the script that fits them, as a user of one's own would write them."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy, cross_entropy
from torch.utils.data import Dataset

MNIST = Path(os.environ.get("IIN_MNIST", "."))
COLOURS = {
    "red": (1.0, 0.1, 0.1),
    "green": (0.1, 1.0, 0.1),
    "blue": (0.2, 0.3, 1.0),
    "yellow": (1.0, 1.0, 0.1),
}
IMAGES = 4000


class Coloured(Dataset[tuple[Tensor, int]]):
    """Images (3, 28, 28), each in one colour, with the digit as an int."""

    def __init__(self) -> None:
        pixels, labels = (read(f"t10k-{name}-ubyte.gz") for name in ("images-idx3", "labels-idx1"))
        self.images = torch.from_numpy(pixels[16:].reshape(-1, 28, 28)[:IMAGES].astype(np.float32) / 255)
        self.digit = labels[8:][:IMAGES].astype(int)
        self.colour = np.random.default_rng(1).choice(list(COLOURS), IMAGES)

    def __len__(self) -> int:
        return IMAGES

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        return torch.tensor(COLOURS[self.colour[i]])[:, None, None] * self.images[i], int(self.digit[i])


def read(name: str) -> np.ndarray:
    """The bytes of one file."""
    with gzip.open(MNIST / name) as file:
        return np.frombuffer(file.read(), np.uint8)


def coloured() -> tuple[Coloured, pd.DataFrame]:
    """The examples and their table."""
    data = Coloured()
    order = np.random.default_rng(0).permutation(IMAGES)
    side = np.select([order < 0.6 * IMAGES, order < 0.7 * IMAGES], ["train", "validation"], "heldout")
    return data, pd.DataFrame({"digit": data.digit, "colour": data.colour, "side": side})


class Classifier(nn.Module):
    """Of the digit."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(3, 16, 5, 2, 2), nn.ReLU())
        self.conv2 = nn.Sequential(nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU())
        self.fc = nn.Sequential(nn.Flatten(), nn.Linear(32 * 49, 32))
        self.out = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(self.fc(self.conv2(self.conv1(x))))
        return out


class Reader(nn.Module):
    """Of digit and colour."""

    def __init__(self) -> None:
        super().__init__()
        first = [nn.Conv2d(3, 16, 5, 2, 2), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Flatten()]
        self.body = nn.Sequential(*first, nn.Linear(32 * 49, 48), nn.ReLU())
        self.last = nn.Linear(48, 10 + len(COLOURS))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        said = self.last(self.body(x))
        return {"digit": said[:, :10], "colour": said[:, 10:]}


class Autoencoder(nn.Module):
    """Image → code of 32 → image."""

    def __init__(self) -> None:
        super().__init__()
        size = 3 * 28 * 28
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(size, 256), nn.SiLU(), nn.Linear(256, 32))
        last = [nn.Linear(256, size), nn.Sigmoid(), nn.Unflatten(1, (3, 28, 28))]
        self.decoder = nn.Sequential(nn.Linear(32, 256), nn.SiLU(), *last)

    def forward(self, x: Tensor) -> Tensor:
        images: Tensor = self.decoder(self.encoder(x))
        return images


def train(folder: Path) -> None:
    """Fit all three on the training side and save them beside the study."""
    data, table = coloured()
    kept = np.flatnonzero(table["side"] == "train")
    x = torch.stack([data[int(i)][0] for i in kept])
    digit, colour = (
        torch.tensor(np.unique(table[c], return_inverse=True)[1])[kept] for c in ("digit", "colour")
    )

    def read_both(said: dict[str, Tensor], i: Tensor) -> Tensor:
        return cross_entropy(said["digit"], digit[i]) + cross_entropy(said["colour"], colour[i])

    fit(Classifier, lambda y, i: cross_entropy(y, digit[i]), x, (folder / "classifier.pt", 10))
    fit(Reader, read_both, x, (folder / "reader.pt", 15))
    fit(Autoencoder, lambda y, i: binary_cross_entropy(y, x[i]), x, (folder / "autoencoder.pt", 60))


def fit(
    make: type[nn.Module], loss: Callable[[object, Tensor], Tensor], x: Tensor, how: tuple[Path, int]
) -> None:
    """Adam over so many epochs, then `torch.save` of the state."""
    path, epochs = how
    torch.manual_seed(0)
    net = make()
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    for _ in range(epochs):
        for i in torch.randperm(len(x)).split(100):
            optimizer.zero_grad()
            loss(net(x[i]), i).backward()
            optimizer.step()
    torch.save(net.state_dict(), path)
