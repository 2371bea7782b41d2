"""Does a sketched difference in stroke thickness become a factor that orders images by their thickness?

`python -m benchmarks.sketches --out FOLDER` redraws digits in the manner of a thin and a thick stroke, fits
the demo's autoencoder on images and versions, trains IINs on its bottleneck from several kinds of pairs,
and holds a direction of each block against the measured thickness of held-out images that nobody redrew.
Writes `sketches.csv`, and the figure of docs/experiments/sketches.md with `--figure`.

Two directions are read, both without any measured thickness:

- *leading*: the first principal component of the block over the held-out images themselves.
- *sketched*: the mean change of the block from the thin to the thick version, over training images.

`shuffled` controls break what the sketches tell and leave all else: negative pairs join versions of
different images, same-sketch pairs take each image's two versions in a random order.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.grey_digits import MNIST, GreyDigits, fit_reader, mnist_digits
from iin_core import Pairs, fit
from iin_core.examples import DigitAutoencoder
from iin_core.examples.coloured_digits import coloured_digits
from iin_core.examples.strokes import drawn_stroke, stroke_thickness
from iin_core.interpreter import Interpreter
from iin_core.rows import assign_splits
from iin_core.spec import FlowSpec, TrainingSpec
from tasks.sources.concepts.told_pairs import sharing
from tasks.sources.data import Data, open_data
from tasks.study import SourceSpec

CONCEPT = "thickness"
STROKES = {"digits": (4.5, 7.5, 5.0), "coloured": (4.5, 7.5, 5.0), "mnist": (1.6, 3.6, 1.0)}
"""Pixels: widths of the thin and the thick sketch, and over how many their edges fade, as the images' do."""
VERSIONS = 3
NETWORK = {"builtin": "digit_autoencoder", "fit": {"updates": 600}, "layers": ["encoder.0", "encoder.1"]}


@dataclass(frozen=True)
class Study:
    """Codes of images and versions, row 3 i being image i and the next two its versions."""

    z: Tensor
    table: pd.DataFrame
    thickness: NDArray[np.float64]

    @property
    def train(self) -> NDArray[np.int64]:
        """Rows that are not held out."""
        return np.flatnonzero(self.table["split"] != "heldout")

    @property
    def heldout(self) -> NDArray[np.int64]:
        """Held-out images as they are."""
        return np.flatnonzero((self.table["split"] == "heldout") & (self.table[CONCEPT] == "original"))


def digits(n: int) -> tuple[np.ndarray, pd.DataFrame]:
    """Scikit-learn's digits on 32 x 32 pixels, grey."""
    images, table = coloured_digits(colours=2)
    grey = images[::2].max(1, keepdims=True)
    grey /= grey.max((2, 3), keepdims=True)
    return np.repeat(grey[:n], 3, 1), table[["source", "digit"]][::2].reset_index(drop=True)[:n]


def coloured(n: int) -> tuple[np.ndarray, pd.DataFrame]:
    """The same in two colours, at random brightness."""
    images, table = coloured_digits(colours=2)
    return images[:n], table[:n]


def mnist(n: int, folder: str) -> tuple[np.ndarray, pd.DataFrame]:
    """MNIST's test images, on 32 x 32 pixels, grey."""
    images, labels = (part[:n] for part in mnist_digits(Path(folder)))
    table = pd.DataFrame({"source": np.arange(len(images)), "digit": labels})
    return np.repeat(images.numpy(), 3, 1), table


def write_sketches(folder: Path, data: str) -> None:
    """thin.png and thick.png."""
    from PIL import Image

    thin, thick, soft = STROKES[data]
    for name, width in (("thin", thin), ("thick", thick)):
        pixels = (drawn_stroke(width, soft=soft) * 255).round().astype(np.uint8)
        Image.fromarray(np.repeat(pixels[..., None], 3, 2)).save(folder / f"{name}.png")


def sketched(data: str, method: str, n: int, folder: Path, where: str) -> Data:
    """The data source of the study."""
    write_sketches(folder, data)
    arguments = {
        "images": {
            "import": f"benchmarks.sketches:{data}",
            "arguments": {"n": n} | ({"folder": str(Path(where).resolve())} if data == "mnist" else {}),
        },
        "concept": CONCEPT,
        "sketches": ["thin.png", "thick.png"],
        "method": method,
    }
    return open_data(
        SourceSpec(
            builtin="sketches", arguments=arguments | ({"network": NETWORK} if method == "neural" else {})
        ),
        folder,
    )


def coded(data: Data, updates: int) -> Study:
    """Fit the autoencoder on the training rows and read its bottleneck."""
    split = assign_splits(data.table["source"], shares=(0.60, 0.15, 0.25), seed=0)
    table = data.table.assign(split=split)
    model = DigitAutoencoder()
    model.fit(model, data, table, settings={"updates": updates}, seed=0)
    with torch.no_grad():
        parts = [model.bottleneck(model.encoder(data.batch(rows))) for rows in _batches(len(data))]
    study = Study(torch.cat(parts), table, np.full(len(table), np.nan))
    held = np.flatnonzero(table["split"] == "heldout")
    study.thickness[held] = stroke_thickness(data.batch(held).numpy())
    return study


def negative(n: int, shuffle: bool) -> Pairs:
    """All else shared: (thin, thick), (thin, image), (thick, image)."""
    image, thin, thick = np.arange(0, n, VERSIONS), np.arange(1, n, VERSIONS), np.arange(2, n, VERSIONS)
    if shuffle:
        rng = np.random.default_rng(0)
        thin, thick = rng.permutation(thin), rng.permutation(thick)
    return Pairs(np.r_[thin, thin, thick], np.r_[thick, image, image], differs=CONCEPT)


def same_sketch(study: Study, shuffle: bool) -> NDArray[np.object_]:
    """The sketch of each training row; None of the images as they are."""
    labels = study.table["sketch"].to_numpy(object)[study.train]
    labels = np.array([label if isinstance(label, str) else None for label in labels], object)
    if shuffle:
        versions = labels.reshape(-1, VERSIONS)
        swapped = np.random.default_rng(0).random(len(versions)) < 0.5
        versions[swapped] = versions[swapped][:, [0, 2, 1]]
    return labels


def variants(study: Study) -> Iterator[tuple[str, dict[str, object]]]:
    """Name → what `fit` is told."""
    n = len(study.train)
    for shuffle in (False, True):
        ending = ", shuffled" if shuffle else ""
        labels = same_sketch(study, shuffle)
        yield f"same-sketch pairs{ending}", {"concepts": {CONCEPT: labels}}
        yield f"negative pairs{ending}", {"pairs": [negative(n, shuffle)]}
        yield f"both{ending}", {"pairs": [negative(n, shuffle), sharing_pairs(study, labels)]}
    yield "no concept (unsupervised)", {}


def sharing_pairs(study: Study, labels: NDArray[np.object_]) -> Pairs:
    """Two images in the manner of one sketch, as `pairs: both` tells them."""
    source = study.table["source"].iloc[study.train].reset_index(drop=True)
    a, b = sharing(pd.Series(labels, dtype=object), source)
    return Pairs(a, b, shares=CONCEPT)


def measure(study: Study, told: dict[str, object], dims: int, updates: int, seed: int) -> dict[str, float]:
    """Train one IIN and hold its block's directions against the thickness of held-out images."""
    train = study.train
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        interpreter = fit(
            study.z[train],
            source=study.table["source"].to_numpy()[train],
            dims={CONCEPT: dims} if told else "auto",
            seed=seed,
            flow=FlowSpec(couplings=3, residual_couplings=2),
            training=TrainingSpec(updates=updates),
            **told,  # type: ignore[arg-type]
        )
    return directions(interpreter, study)


def still_read(data: Data, study: Study) -> dict[str, float]:
    """For each version the share of held-out images whose digit a reader of the images as they are says."""
    images = torch.cat([data.batch(rows) for rows in _batches(len(data))])
    original = (study.table[CONCEPT] == "original").to_numpy()
    own = study.table[original].reset_index(drop=True)
    own["split"] = own["split"].where(own["split"] == "heldout", "train")
    reader = fit_reader(GreyDigits(images[torch.from_numpy(original.copy())], own))
    found = {}
    for version, rows in study.table[study.table["split"] == "heldout"].groupby(CONCEPT).groups.items():
        with torch.no_grad():
            said = reader(images[torch.from_numpy(np.asarray(rows))])["digit"].argmax(1).numpy()
        found[str(version)] = float((said == study.table["digit"].to_numpy()[rows]).mean())
    return found


def directions(interpreter: Interpreter | None, study: Study) -> dict[str, float]:
    """Spearman correlations, without sign, of both directions with thickness; of z itself without an IIN."""

    def code(rows: NDArray[np.int64]) -> Tensor:
        if interpreter is None:
            return study.z[rows]
        block = interpreter.blocks.get(CONCEPT, slice(None))
        return interpreter.encode(study.z[rows])[:, block]

    heldout, versions = code(study.heldout), code(study.train).unflatten(0, (-1, VERSIONS))
    leading = torch.linalg.svd(heldout - heldout.mean(0), full_matrices=False).Vh[0]
    change = (versions[:, 2] - versions[:, 1]).mean(0)
    return {
        name: _spearman(heldout @ way, study) for name, way in (("leading", leading), ("sketched", change))
    }


def _spearman(values: Tensor, study: Study) -> float:
    from scipy.stats import spearmanr

    return abs(float(spearmanr(values.numpy(), study.thickness[study.heldout]).statistic))


def _batches(n: int, size: int = 1024) -> Iterator[NDArray[np.int64]]:
    for start in range(0, n, size):
        yield np.arange(start, min(start + size, n))


def compare(study: Study, *, dims: int, updates: int, seeds: Sequence[int], only: str = "") -> pd.DataFrame:
    """A row for each variant and seed."""
    found: list[dict[str, object]] = [{"variant": "z itself, no IIN", "seed": 0, **directions(None, study)}]
    for name, told in variants(study):
        for seed in seeds if only in name else ():
            begun = time.perf_counter()
            scores = measure(study, told, dims, updates, seed)
            found.append({"variant": name, "seed": seed, **scores})
            shown = ", ".join(f"{key} {value:.3f}" for key, value in scores.items())
            print(f"{name}, seed {seed}: {shown} ({time.perf_counter() - begun:.0f} s)", flush=True)
    return pd.DataFrame(found)


def draw(path: Path, data: Data, folder: Path, title: str) -> None:
    """The figure of the documentation: some images and their versions, the sketches at their left."""
    from iin_core.stylise import read_sketch
    from iin_core.stylise.preview import preview_grid

    rows = np.linspace(0, len(data) // VERSIONS - 1, 12).astype(np.int64) * VERSIONS
    names = ("thin", "thick")
    preview_grid(
        path,
        data.batch(rows),
        {name: read_sketch(folder / f"{name}.png") for name in names},
        {name: data.batch(rows + i) for i, name in enumerate(names, start=1)},
        title=title,
    )


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", choices=STROKES, default="digits")
    parser.add_argument("--mnist", default=str(MNIST))
    parser.add_argument("--method", choices=("classical", "neural"), default="classical")
    parser.add_argument("--images", type=int, default=2500)
    parser.add_argument("--fit", type=int, default=800, help="updates of the autoencoder")
    parser.add_argument("--updates", type=int, default=400, help="of each IIN")
    parser.add_argument("--dims", type=int, default=2, help="of the concept's block")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="variants whose names hold this")
    parser.add_argument("--out", default="build/sketches")
    parser.add_argument("--read", action="store_true", help="say in how many versions the digit is read")
    parser.add_argument("--figure", help="where the figure goes")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    out = Path(chosen.out)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = sketched(chosen.data, chosen.method, chosen.images, folder, chosen.mnist)
        if chosen.figure:
            title = f"{chosen.data}, {chosen.method}: images and their versions"
            draw(Path(chosen.figure), data, folder, title)
        study = coded(data, chosen.fit)
        for version, rows in study.table.groupby(CONCEPT).groups.items():
            thickness = study.thickness[rows]
            print(f"{version}: {np.nanmean(thickness):.2f} ± {np.nanstd(thickness):.2f} pixels thick")
        if chosen.read:
            print(
                "digit still read:",
                {name: round(share, 3) for name, share in still_read(data, study).items()},
            )
        seeds = range(chosen.seeds)
        table = compare(study, dims=chosen.dims, updates=chosen.updates, seeds=seeds, only=chosen.only)
    table.to_csv(out / f"sketches-{chosen.data}-{chosen.method}.csv", index=False)
    print(table.groupby("variant", sort=False)[["leading", "sketched"]].agg(["mean", "min", "max"]).round(3))


if __name__ == "__main__":
    main()
