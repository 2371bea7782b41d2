"""An autoencoder and an unsupervised IIN as a generator of digits, beside a Gaussian on z and a VAE.

    .venv/bin/python -m benchmarks.sampling [mnist|digits] [--picture docs/images/sampling.png]

The images of half the data are for training; samples are held against the other half, as many as there
are held-out images. Features are those of a reader fitted to the training images. IINs and VAEs are
fitted once a seed, the Gaussian is fitted once and drawn once a seed. What was done is kept in
build/sampling, so a run that is stopped goes on.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pandas as pd
import torch
from torch import Tensor, nn

from benchmarks.grey_digits import GreyDigits, fit_reader, grey_digits, reads
from iin_core.examples import DigitAutoencoder, DigitReader, DigitVae
from iin_core.figures import generator_chart, sample_sheet
from iin_core.fitting import fit
from iin_core.gaussian import fit_gaussian
from iin_core.generators import compare_generators, margin
from iin_core.image_features import ImageFeatures
from iin_core.interpreter import Interpreter

CACHE = Path("build/sampling")
SEEDS = (0, 1, 2)
GREY = {"beta": 3.0}
"""Of the VAE: a grey pixel stands in three channels and counts once."""


Network = TypeVar("Network", bound=nn.Module)


def fitted(path: Path, network: Network, make: Callable[[], nn.Module]) -> Network:
    """The network with the weights of a file, which is made if it is not there."""
    if not path.exists():
        begun = time.process_time()
        weights = make().state_dict()
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(weights, path)
        print(f"{path.stem}: {time.process_time() - begun:.0f} CPU s", flush=True)
    network.load_state_dict(torch.load(path, weights_only=True))
    return network.eval()


def autoencoder(data: GreyDigits, folder: Path, updates: int = 2000) -> DigitAutoencoder:
    """The example autoencoder, fitted to the training images."""

    def make() -> nn.Module:
        model = DigitAutoencoder()
        DigitAutoencoder.fit(model, data, data.table, settings={"updates": updates}, seed=0)
        return model

    return fitted(folder / "autoencoder.pt", DigitAutoencoder(), make)


def vae(data: GreyDigits, folder: Path, seed: int, updates: int = 2000) -> DigitVae:
    """The VAE of the autoencoder's size, fitted to the same images for as many updates."""

    def make() -> nn.Module:
        model = DigitVae()
        DigitVae.fit(model, data, data.table, settings={"updates": updates, **GREY}, seed=seed)
        return model

    return fitted(folder / f"vae-{seed}.pt", DigitVae(), make)


def interpreter(z: Tensor, folder: Path, seed: int) -> Interpreter:
    """The unsupervised IIN of the defaults, kept in a folder."""
    place = folder / f"iin-{seed}"
    if not place.exists():
        begun = time.process_time()
        fit(z, None, seed=seed).save(place)
        print(f"{place.stem}: {time.process_time() - begun:.0f} CPU s", flush=True)
    return Interpreter.load(place)


@torch.no_grad()
def encoded(model: DigitAutoencoder, images: Tensor) -> Tensor:
    """z, (n, 64)."""
    return torch.cat([model.bottleneck(model.encoder(part)) for part in images.split(256)])


@torch.no_grad()
def decoded(model: DigitAutoencoder, z: Tensor) -> Tensor:
    """Images of rows z."""
    return torch.cat([model.decoder(part).sigmoid() for part in z.split(256)])


def measure(
    data: GreyDigits, folder: Path, seeds: tuple[int, ...] = SEEDS, *, twins: bool = True
) -> tuple[pd.DataFrame, dict[str, Tensor]]:
    """The table of generators, and a few images of each.

    Args:
        data: images by split.
        folder: where fitted networks are kept.
        seeds: of IINs, VAEs and draws.
        twins: whether there are VAEs.
    """
    reader = fitted(folder / "reader.pt", DigitReader(), lambda: fit_reader(data))
    features = ImageFeatures(reader)
    print(f"the reader says {reads(reader, data):.3f} of the held-out digits", flush=True)
    model, held = autoencoder(data, folder), data.of("heldout")
    z = encoded(model, data.of("train"))
    flows = [interpreter(z, folder, seed) for seed in seeds]
    vaes = [vae(data, folder, seed) for seed in seeds if twins]
    n, gaussian = len(held), fit_gaussian(z)
    images: dict[str, list[Tensor]] = {
        "training images": [data.of("train")[:n]],
        "reconstructions": [decoded(model, encoded(model, held))],
        "IIN": [decoded(model, flow.sample(n, seed)) for flow, seed in zip(flows, seeds, strict=True)],
        "Gaussian": [decoded(model, gaussian.sample(n, seed)) for seed in seeds],
    }
    if twins:
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        with torch.no_grad():
            images["VAE"] = [twin.sample(n, own) for twin, own in zip(vaes, generators, strict=True)]
    if len(images["training images"][0]) < n:
        del images["training images"]
    seen = {name: [features(each) for each in sets] for name, sets in images.items()}
    shown = {"held-out images": held[:40], **{name: sets[0][:40] for name, sets in images.items()}}
    return compare_generators(features(held), seen), shown


def main() -> None:
    """Print the table, and draw it if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", default="mnist", choices=["mnist", "digits"])
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--cache", type=Path, default=CACHE)
    chosen = parser.parse_args()
    table, shown = measure(grey_digits(chosen.data), chosen.cache / chosen.data)
    print(table.round(3).to_string(index=False))
    for other in ("Gaussian", "VAE"):
        print(f"IIN nearer than the {other} by {margin(table, 'IIN', other):.3f} more than the spread")
    if chosen.picture:
        shown.pop("training images", None)
        sample_sheet(chosen.picture, {k: v.numpy() for k, v in shown.items()}, title="Samples, none chosen")
        chart = chosen.picture.with_name(f"{chosen.picture.stem}-chart.svg")
        generator_chart(chart, table, title="Generators against held-out images")


if __name__ == "__main__":
    main()
