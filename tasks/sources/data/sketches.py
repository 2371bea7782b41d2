"""Images, each beside its versions redrawn in the manner of sketches: concepts told by a drawing.

Source: Esser et al., CVPR 2020, section 4.4 (concepts from two sketches).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from iin_core.errors import InputError
from iin_core.stylise import (
    ClassicalSettings,
    Drawings,
    check_images,
    check_sketches,
    classical,
    drawings,
    drawn,
    neural,
    read_sketch,
    restyle,
    transfer,
)
from iin_core.stylise import tone as tone_of
from iin_core.stylise.tone import LEVELS, to_levels, tone
from tasks.errors import StudyError
from tasks.fingerprint import fingerprint_parts, fingerprint_source
from tasks.sources.concepts.told_pairs import PAIR, SAME
from tasks.sources.data.redrawn import kept
from tasks.sources.data.sketches_arguments import read_arguments, read_settings, wrong
from tasks.sources.data.sketches_spec import ORIGINAL, SKETCH, SketchesSpec
from tasks.sources.data.style_network import StyleNetwork
from tasks.study import SourceSpec

NAME = "sketches"
_MANY = 100
"""Images from which it is said that they are redrawn."""
_log = logging.getLogger("tasks")


@dataclass(frozen=True)
class Sketched:
    """A data set of images and the sketches in whose manner they are redrawn.

    Attributes:
        spec: the arguments.
        folder: of the study.
        table: of the images as they are.
        images: (n, channels, height, width) in [0, 1].
        sketches: name → (channels, height, width).
    """

    spec: SketchesSpec
    folder: Path
    table: pd.DataFrame
    images: Tensor
    sketches: Mapping[str, Tensor]

    @cached_property
    def drawings(self) -> Drawings:
        """What is redrawn."""
        return drawings(self.images)

    def redrawn(self, name: str, rows: NDArray[np.int64]) -> Tensor:
        """Some of the images in the manner of a sketch; all of them are redrawn, once.

        Raises:
            IinError: of a network that cannot tell a style.
        """
        return self._versions(self._redrawn[name], rows)

    def shown(self, rows: NDArray[np.int64]) -> dict[str, Tensor]:
        """For each sketch some of the images in its manner, no others redrawn: for a first look."""
        few = Sketched(self.spec, self.folder, self.table.iloc[rows], self.images[rows], self.sketches)
        all_rows = np.arange(len(rows))
        return {name: few._versions(few._draw(name, self._style), all_rows) for name in self.sketches}

    def _versions(self, levels: NDArray[np.uint8], rows: NDArray[np.int64]) -> Tensor:
        """Some of the images, from the bytes that were redrawn."""
        if self.spec.colour == "transfer":
            return torch.from_numpy(levels[rows]).float() / LEVELS
        return self.drawings.coloured(levels, rows)

    @cached_property
    def _style(self) -> StyleNetwork | None:
        return (
            StyleNetwork(self.spec.network, self.folder, self.images, self.table)
            if self.spec.network
            else None
        )

    @cached_property
    def _redrawn(self) -> dict[str, NDArray[np.uint8]]:
        wanted = self._wanted.shape
        return {
            name: kept(self._key(name), wanted, partial(self._draw, name, self._style))
            for name in self.sketches
        }

    @property
    def _wanted(self) -> NDArray[np.uint8]:
        """The bytes that are redrawn: distinct drawings, or whole images."""
        return self.drawings.distinct if self.spec.colour == "keep" else to_levels(self.images)

    def _sketch(self, name: str) -> Tensor:
        sketch = 1 - self.sketches[name] if self.spec.invert else self.sketches[name]
        return tone(sketch[None])[0] if self.spec.colour == "keep" else sketch

    def _draw(self, name: str, style: StyleNetwork | None) -> NDArray[np.uint8]:
        wanted = self._wanted
        if len(wanted) > _MANY:
            _log.info("redrawing %d images in the manner of %r", len(wanted), name)
        images, sketch = torch.from_numpy(wanted).float() / LEVELS, self._sketch(name)
        settings = read_settings(self.spec)
        if isinstance(settings, ClassicalSettings):
            return to_levels(restyle(images, sketch, settings, seed=self.spec.seed))
        assert style is not None  # the arguments name a network for this method
        return to_levels(transfer(images, sketch, style.fitted, settings, seed=self.spec.seed))

    def _key(self, name: str) -> str:
        """Of all that the redrawn images depend on."""
        parts = {
            "images": hashlib.sha256(self._wanted.tobytes()).hexdigest(),
            "shape": str(self._wanted.shape),
            "sketch": hashlib.sha256(self._sketch(name).numpy().tobytes()).hexdigest(),
            "settings": repr(read_settings(self.spec)),
            "seed": str(self.spec.seed),
            **{module.__name__: fingerprint_source(module) for module in (classical, drawn, neural, tone_of)},
        }
        return fingerprint_parts(parts | ({"network": self._style.fingerprint} if self._style else {}))


@dataclass(frozen=True)
class SketchedData:
    """The rows of a study: each image, and behind it its version in the manner of each sketch."""

    table: pd.DataFrame
    made: Sketched

    def batch(self, indices: NDArray[np.int64]) -> Tensor:
        """The images of some rows, (len(indices), channels, height, width)."""
        original, version = np.divmod(np.asarray(indices, np.int64), 1 + len(self.made.sketches))
        images = self.made.images[torch.from_numpy(original)].clone()
        for i, name in enumerate(self.made.sketches, start=1):
            places = np.flatnonzero(version == i)
            if len(places):
                images[torch.from_numpy(places)] = self.made.redrawn(name, original[places])
        return images


def open_source(spec: SourceSpec, folder: Path) -> SketchedData:
    """Make the data set: the table names for each row its image (`pair`), its version and its sketch.

    Raises:
        StudyError: arguments that it does not take, images or sketches that cannot serve.
    """
    made = open_sketched(spec, folder)
    data = SketchedData(versions_table(made), made)
    data.batch(np.arange(min(len(data.table), 1 + len(made.sketches))))
    return data


def open_sketched(spec: SourceSpec, folder: Path) -> Sketched:
    """Open images and sketches; nothing is redrawn.

    Raises:
        StudyError: see `open_source`.
    """
    from tasks.sources.data import open_data  # which opens this

    chosen = read_arguments(spec.arguments)
    if chosen.images.builtin == NAME:
        raise wrong("The images of `sketches` are `sketches` themselves.", "name another data set")
    data = open_data(chosen.images, folder)
    images = data.batch(np.arange(len(data)))
    try:
        if not isinstance(images, Tensor):
            raise InputError(
                "The examples are mappings, not images.", fix="let the data give one tensor of images"
            )
        check_images(images)
        sketches = {name: read_sketch(folder / file) for name, file in chosen.sketches.items()}
        check_sketches(sketches, images)
    except InputError as error:
        raise StudyError(error.what, where=f"data.source, {error.where}", fix=error.fix) from error
    return Sketched(chosen, folder, data.table, images.float(), sketches)


def versions_table(made: Sketched) -> pd.DataFrame:
    """The table of images and their versions: all columns of the images', `pair`, the concept, `sketch`.

    With `pairs: both` the sketch stands in a column `same <concept>` as well, see `told_pairs`.

    Raises:
        StudyError: the images' table has one of these columns itself.
    """
    names = list(made.sketches)
    same = [f"{SAME} {made.spec.concept}"] if made.spec.pairs == "both" else []
    for column in (PAIR, made.spec.concept, SKETCH, *same):
        if column in made.table:
            raise wrong(
                f"The images' table has a column {column!r} itself.",
                "rename it there" if column != made.spec.concept else "give `concept` another name",
            )
    n = len(made.table)
    table = made.table.iloc[np.repeat(np.arange(n), 1 + len(names))].reset_index(drop=True)
    table[PAIR] = np.repeat(np.arange(n), 1 + len(names))
    table[made.spec.concept] = np.tile(np.array([ORIGINAL, *names], object), n)
    for column in (SKETCH, *same):
        table[column] = np.tile(np.array([None, *names], object), n)
    return table


__all__ = ["NAME", "Sketched", "SketchedData", "open_sketched", "open_source", "versions_table"]
