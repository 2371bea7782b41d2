"""Sampling: the decoder with an IIN as a generator, beside what it has to beat (paper, section 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from iin_core.errors import ModelError
from iin_core.figures import generator_chart, sample_sheet
from iin_core.gaussian import fit_gaussian
from iin_core.generators import MEASURES, compare_generators
from iin_core.image_features import ImageFeatures, as_images
from iin_core.metrics.score import Score
from tasks.experiments.context import UnitContext
from tasks.experiments.drawing import figure
from tasks.experiments.found import Drawn, Found
from tasks.experiments.sampling_networks import (
    extra_step,
    features_of,
    open_features,
    open_vae,
    vae_samples,
    vae_source,
)
from tasks.experiments.sampling_words import BACK, CAPTIONS, VAE, sentences, sheet_alt
from tasks.experiments.seen import image_shape
from tasks.experiments.spec import SamplingSpec
from tasks.prepare_worker import open_prepared

HELD_OUT, IIN, GAUSSIAN = "held-out images", "IIN", "Gaussian"
_SAME = 1e-3
"""How far, in pixel values, a sample decoded on two bases may lie apart."""
_PROBED = 4
Batches = Iterator[Tensor]


@dataclass(frozen=True)
class Decoder:
    """The model from its layer's rows on.

    Args:
        context: of the unit.
        base: (n,) rows of the data whose activations are replaced.
        shape: (channels, height, width) of an image.
    """

    context: UnitContext
    base: NDArray[np.int64]
    shape: tuple[int, ...]

    def plain(self) -> Batches:
        """The reconstructions of the base rows, batch by batch."""
        for output in self.context.network.outputs(self.base):
            yield self._images(output)

    def __call__(self, z: Tensor) -> Batches:
        """Images of rows z, (n, N), one on each base row, batch by batch."""
        base = self.base[: len(z)]
        delta = z - self.context.rows.z[torch.from_numpy(base)]
        for output in self.context.network.outputs(base, lambda part: delta[part]):
            yield self._images(output)

    def _images(self, output: object) -> Tensor:
        return as_images(output, self.shape, f"decoder of model {self.context.unit.model!r}")


def run(context: UnitContext, spec: SamplingSpec) -> Found:
    """Hold samples of the IIN, of a Gaussian and of a VAE against held-out images.

    Raises:
        ModelError: an output that depends on more than the layer; see also `Decoder` and `ImageFeatures`.
        InputError: fewer images than features; what is decoded is no image.
    """
    held = _held_out(context, spec)
    shape = image_shape(context.network.data.batch(held[:1]))
    decoder = Decoder(context, held, shape)
    _refuse_bypass(decoder, spec)
    features = open_features(spec, _reader(context), context.job.folder)
    real = _Seen(features, spec.shown)
    real.take(_batches(context, held))
    sets, why = _sets(context, spec, decoder)
    seen = {
        name: [_Seen(features, spec.shown).take(draw()) for draw in draws] for name, draws in sets.items()
    }
    compared = {name: [entry.features for entry in entries] for name, entries in seen.items()}
    table = compare_generators(real.features, compared, spec.k)
    sheet = {HELD_OUT: real.images, **{name: entries[0].images for name, entries in seen.items()}}
    return _found(context, table, sheet, (features.described, real.features.shape[1], why))


class _Seen:
    """Images that pass by: the features of all, the first few themselves.

    Args:
        extract: images → features.
        shown: how many images are kept.
    """

    def __init__(self, extract: ImageFeatures, shown: int) -> None:
        self._extract, self._shown = extract, shown
        self.features, self.images = torch.empty(0), torch.empty(0)

    def take(self, batches: Batches) -> _Seen:
        """Look at all of them, in order."""
        features: list[Tensor] = []
        images: list[Tensor] = []
        for batch in batches:
            features.append(features_of(self._extract, batch))
            if sum(map(len, images)) < self._shown:
                images.append(batch)
        self.features, self.images = torch.cat(features), torch.cat(images)[: self._shown]
        return self


def _held_out(context: UnitContext, spec: SamplingSpec) -> NDArray[np.int64]:
    """Held-out rows, at most n of them, at random in a fixed order."""
    held = context.material.rows
    return held[np.random.default_rng(context.job.spec.seed).permutation(len(held))[: spec.n]]


def _batches(context: UnitContext, rows: NDArray[np.int64]) -> Batches:
    for start in range(0, len(rows), context.network.batch):
        batch = context.network.data.batch(rows[start : start + context.network.batch])
        assert isinstance(batch, Tensor)
        yield batch.float()


def _sets(
    context: UnitContext, spec: SamplingSpec, decoder: Decoder
) -> tuple[dict[str, list[Callable[[], Batches]]], str]:
    """Method → what draws its images, once a seed; and why there is no VAE."""
    n, seeds = len(decoder.base), [context.job.spec.seed + i for i in range(spec.seeds)]
    train = torch.from_numpy(np.flatnonzero((context.rows.table["split"] == "train").to_numpy()))
    gaussian = fit_gaussian(context.rows.z[train])
    drawn_by = {IIN: context.interpreter.sample, GAUSSIAN: gaussian.sample}

    def decoded(method: str, seed: int) -> Batches:
        return decoder(drawn_by[method](n, seed))

    sets: dict[str, list[Callable[[], Batches]]] = {
        BACK: [decoder.plain],
        **{method: [partial(decoded, method, seed) for seed in seeds] for method in drawn_by},
    }
    source = vae_source(context.job.model.spec, spec)
    if isinstance(source, str):
        return sets, source
    job = context.job
    place = (job.folder, job.data, job.rows_key)
    vae = open_vae(context.opened.root, extra_step(context.opened, VAE), job.model, spec, place)

    def from_vae(seed: int) -> Batches:
        images = as_images(vae_samples(vae, n, seed), decoder.shape, "the VAE")
        return iter(images.split(context.network.batch))

    sets[VAE] = [partial(from_vae, seed) for seed in seeds]
    return sets, ""


def _reader(context: UnitContext) -> torch.nn.Module | None:
    model = context.job.model
    source = model.spec.reader_source
    if source is None:
        return None
    return open_prepared(context.opened.root, source, context.job.folder, model.reader_prepare)


def _refuse_bypass(decoder: Decoder, spec: SamplingSpec) -> None:
    """See that the layer alone decides what is decoded: else a base would show through every sample."""
    n = min(_PROBED, len(decoder.base) // 2)
    z = decoder.context.interpreter.sample(n, spec.seeds)
    first, second = (
        torch.cat(list(Decoder(decoder.context, base, decoder.shape)(z)))
        for base in (decoder.base[:n], decoder.base[n : 2 * n])
    )
    apart = float((first - second).abs().max())
    if not apart <= _SAME * max(1.0, float(first.abs().max())):
        raise ModelError(
            f"The output depends on more than layer {decoder.context.unit.layer.layer!r}: one sample decoded "
            f"in two passes differs by {apart:.3g}.",
            where=f"model {decoder.context.unit.model!r}",
            fix="sample at a layer through which everything passes, such as an autoencoder's bottleneck",
        )


def _found(
    context: UnitContext, table: pd.DataFrame, sheet: Mapping[str, Tensor], told: tuple[str, int, str]
) -> Found:
    words = sentences(table, told)
    drawn = [*_draw_samples(context, table, sheet), *_draw_chart(context, table, words)]
    scores = {}
    for row in table.to_dict("records"):
        for name in MEASURES:
            key = f"sampling/{name}" + ("" if row["method"] == IIN else f"_{_KEYS[row['method']]}")
            scores[key] = Score(row[name], low=row[f"{name}_low"], high=row[f"{name}_high"], n=row["n"])
    why = {f"sampling/{name}_vae": f"no VAE: {told[2]}" for name in MEASURES} if told[2] else {}
    return Found(scores, {"generators": table}, drawn, words, why=why)


@figure("sheet of samples")
def _draw_samples(context: UnitContext, table: pd.DataFrame, sheet: Mapping[str, Tensor]) -> Drawn:
    images = {name: found.numpy() for name, found in sheet.items()}
    sample_sheet(context.folder / "samples.png", images, title=f"{context.unit.name} · samples")
    return Drawn("samples.png", CAPTIONS["samples"], sheet_alt(list(sheet), table), pixelated=True)


@figure("chart of the generators")
def _draw_chart(context: UnitContext, table: pd.DataFrame, words: Sequence[str]) -> Drawn:
    generator_chart(context.folder / "generators.svg", table, title=f"{context.unit.name} · generators")
    return Drawn("generators.svg", CAPTIONS["generators"], " ".join(words[1:3]), table="generators")


_KEYS = {BACK: "reconstructions", GAUSSIAN: "gaussian", VAE: "vae"}
