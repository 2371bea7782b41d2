"""What is true of the demo's networks, measured: `python -m iin_core.examples.truths`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from iin_core.examples.coloured_digits import coloured_digits
from iin_core.examples.digit_autoencoder import DigitAutoencoder, fit_digit_autoencoder
from iin_core.examples.digit_classifier import DigitClassifier, fit_digit_classifier
from iin_core.examples.digit_reader import DigitReader, fit_digit_reader
from iin_core.metrics.leakage import leakages
from iin_core.readings import as_reading
from iin_core.rows import assign_splits
from iin_core.spec import EvaluationSpec
from iin_core.split import capture

LAYERS: dict[str, str] = {
    "conv1": "mean",
    "conv2": "mean",
    "conv3": "flatten",
    "conv4": "flatten",
    "fc": "flatten",
}
"""The classifier's layers and how they are read."""
_SHARES = (0.60, 0.15, 0.25)


@dataclass(frozen=True)
class DemoData:
    """The demo's images and rows, split by source as the demo's study does.

    Args:
        images: (n, 3, 32, 32).
        rows: with columns source, split, digit, colour, brightness.
    """

    images: Tensor
    rows: pd.DataFrame

    def batch(self, indices: np.ndarray) -> Tensor:
        """The images of these rows."""
        return self.images[indices]

    @property
    def heldout(self) -> tuple[Tensor, pd.DataFrame]:
        """Images and rows of the sources that no network was fitted on."""
        chosen = np.flatnonzero(self.rows["split"] == "heldout")
        return self.images[chosen], self.rows.iloc[chosen]


def demo_data(split_seed: int = 0) -> DemoData:
    """`coloured_digits` with 60 % of the sources for training, 15 % validation, 25 % held out."""
    images, table = coloured_digits()
    split = assign_splits(table["source"].to_numpy(), shares=_SHARES, seed=split_seed)
    return DemoData(torch.from_numpy(images), table.assign(split=split))


def read_layers(classifier: DigitClassifier, data: DemoData) -> pd.DataFrame:
    """What linear and MLP probes read from each layer on held-out sources, cross-fit.

    Returns:
        accuracies, one row for each layer, one column for each (concept, probe).

    Source: `iin_core.metrics.leakage`.
    """
    images, rows = data.heldout
    readings = {
        name: as_reading({"pool": "mean"} if kind == "mean" else "flatten") for name, kind in LAYERS.items()
    }
    z = capture(classifier, images, readings)
    found = leakages(
        {name: (z[name], None) for name in LAYERS},
        {name: rows[name].to_numpy() for name in ("colour", "digit")},
        rows["source"].to_numpy(),
        EvaluationSpec(bootstrap=0),
    )
    accuracies = {
        name: {(cell.concept, cell.probe): cell.accuracy.value for cell in leakage.cells}
        for name, leakage in found.items()
    }
    return pd.DataFrame(accuracies).T


def accuracies(logits: Mapping[str, Tensor], data: DemoData) -> dict[str, float]:
    """Share of held-out rows whose concepts are read rightly: each concept's, and all together's."""
    _, rows = data.heldout
    right = {}
    for name, values in logits.items():
        labels = np.unique(data.rows[name].to_numpy())
        right[name] = labels[values.argmax(1).numpy()] == rows[name].to_numpy()
    joint = np.logical_and.reduce(list(right.values()))
    return {**{name: float(hits.mean()) for name, hits in right.items()}, "joint": float(joint.mean())}


def main() -> None:
    """Fit the three networks with one thread and print what is true of them."""
    torch.set_num_threads(1)
    data = demo_data()
    images, _ = data.heldout
    classifier, reader, autoencoder = DigitClassifier(), DigitReader(), DigitAutoencoder()
    fits: list[partial[dict[str, list[float]]]] = [
        partial(fit_digit_classifier, classifier),
        partial(fit_digit_reader, reader),
        partial(fit_digit_autoencoder, autoencoder),
    ]
    for fit in fits:
        begun = time.process_time()
        fit(data, data.rows, settings={}, seed=0)
        print(f"{fit.func.__name__}: {time.process_time() - begun:.0f} s of CPU")
    with torch.no_grad():
        decoded = autoencoder(images)
        print("classifier:", accuracies({"digit": classifier(images)}, data))
        print("reader, originals:", accuracies(reader(images), data))
        print("reader, reconstructions:", accuracies(reader(decoded), data))
        print(f"reconstructions: mean squared error {(decoded - images).square().mean():.5f}")
    print(read_layers(classifier, data).round(3).to_string())


if __name__ == "__main__":
    main()
