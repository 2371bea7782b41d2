"""The rows that the units of a group train on: of each layer once, held at once or read in windows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from iin_core.blocks import Blocks
from iin_core.concept_values import concept_targets
from iin_core.errors import InputError
from iin_core.front import Front
from iin_core.jobs import Job, check_blocks, noise_behind
from iin_core.pairs import Pairs
from iin_core.row_reader import RowReader, SubsetReader, chunks
from iin_core.sampling import PairSampler, make_sampler
from iin_core.spec import PairSpec
from iin_core.stream import ShardedRows, streams, window_rows
from iin_core.window_pairs import pairs_within
from tasks.activations import ActivationReader
from tasks.layer_rows import LayerRows, layer_table, read_pairs
from tasks.output import Root
from tasks.plan import Unit
from tasks.unit_front import open_front

_SAMPLE_ROWS, _VALIDATION_ROWS, _LEAST_ROWS = 65_536, 8192, 256
_SAMPLE_BYTES = 2**30
_PIECES = 16


@dataclass(frozen=True, eq=False)
class LayerInput:
    """What one layer gives to the training of its units behind one front.

    Args:
        front: see there.
        x: training rows behind it, or the way to read them.
        x_validation: validation rows behind it, (m, d).
        noise: as in a `Job`.
        sample, check: training and validation rows of z with their table, all or evenly taken.
    """

    front: Front
    x: Tensor | ShardedRows
    x_validation: Tensor
    noise: Tensor
    sample: LayerRows
    check: LayerRows


class GroupRows:
    """Opens the rows of a group's layers, each once."""

    def __init__(self, root: Root, rows_key: str) -> None:
        self._root = root
        pairs = read_pairs(root, rows_key)
        self._table = cache(lambda key: _Table(layer_table(root, rows_key, key), pairs))
        self._reader = cache(lambda key: ActivationReader(root.open("activations", key)))
        self._layers: dict[tuple[str, str, str], LayerInput] = {}

    def layer(self, unit: Unit) -> LayerInput:
        """The rows of a unit's layer behind its front; seeds of one concept set share them.

        Raises:
            DamagedOutput: a shard is missing, cut short or changed.
        """
        key = (unit.layer.extract.key, unit.dimensions.key, unit.training.feed)
        if key not in self._layers:
            self._layers[key] = self._load(unit)
        return self._layers[key]

    def job(self, unit: Unit, blocks: Blocks) -> Job:
        """The training of a unit.

        Raises:
            InputError: a concept that cannot make pairs, or blocks that do not fill the flow.
        """
        layer, train = self.layer(unit), self._table(unit.layer.extract.key).train
        check_blocks(layer.front, blocks)
        columns, tables = train.columns(unit.factors), train.tables(unit.factors)

        def sampler_of(rows: NDArray[np.int64]) -> PairSampler:
            within = pairs_within(rows, columns, unit.factors, train.source, tables)
            return make_sampler(
                within.columns,
                within.specs,
                train.source[rows],
                blocks,
                tables=within.tables,
                links=unit.training.links,
            )

        is_stream = isinstance(layer.x, ShardedRows)
        sampler = sampler_of if is_stream else _sampler(unit, columns, train.source, tables, blocks)
        targets = concept_targets(columns, unit.factors)
        check = _check(unit, layer.check, blocks)
        return Job(layer.x, layer.x_validation, layer.noise, sampler, blocks, unit.seed, targets, check)

    def _load(self, unit: Unit) -> LayerInput:
        reader = self._reader(unit.layer.extract.key)
        table = self._table(unit.layer.extract.key)
        train, validation = (SubsetReader(reader, table.places[split]) for split in ("train", "validation"))
        front = open_front(self._root, unit)
        most, most_validation = sample_rows(reader.n_features)
        sample = table.taken(train, "train", most)
        check = table.taken(validation, "validation", most_validation)
        return LayerInput(
            front,
            _behind(front, train, sample.z, unit.training.feed),
            front.apply(check.z),
            noise_behind(front, sample.z.std(0)),
            sample,
            check,
        )


class _Table:
    """The table of a layer's rows: that of training rows with its pairs, and where each split lies."""

    def __init__(self, table: pd.DataFrame, pairs: pd.DataFrame | None) -> None:
        whole = LayerRows(torch.empty(0, 0), table, pairs)
        self.train = _without_rows(whole, "train")
        self.places = {split: _places(whole, split) for split in ("train", "validation")}
        self._table = table

    def taken(self, reader: RowReader, split: str, most: int) -> LayerRows:
        """Rows of a split, read by its reader: all, or `most` of them evenly."""
        parts = evenly_in_pieces(reader.n_rows, most)
        z = [torch.from_numpy(reader.read(part.start, part.stop)) for part in parts]
        rows = self.places[split][np.concatenate([np.arange(part.start, part.stop) for part in parts])]
        return LayerRows(torch.cat(z), self._table.iloc[rows].reset_index(drop=True))


def sample_rows(n_features: int) -> tuple[int, int]:
    """Of how many rows of N features priors, deviations and held-out curves are taken, at most.

    Training and validation rows: within a gibibyte of z each, or 256 where even these take more (above a
    million features).
    """
    fits = max(_LEAST_ROWS, _SAMPLE_BYTES // (4 * n_features))
    return min(_SAMPLE_ROWS, fits), min(_VALIDATION_ROWS, fits)


def evenly_in_pieces(n: int, most: int) -> list[range]:
    """All of n rows, or `most` of them in sixteen pieces evenly spaced, so that few shards are read."""
    if n <= most:
        return [range(n)]
    size = most // _PIECES
    return [range(start, start + size) for start in np.linspace(0, n - size, _PIECES).astype(int).tolist()]


def _behind(front: Front, reader: RowReader, sample: Tensor, feed: str) -> Tensor | ShardedRows:
    if streams(feed, reader.n_rows, front.n_dims):
        return ShardedRows(reader, front, window_rows(front.n_dims))
    if len(sample) == reader.n_rows:
        return front.apply(sample)
    x = torch.empty(reader.n_rows, front.n_dims)
    for rows, z in chunks(reader):
        x[rows.start : rows.stop] = front.apply(torch.from_numpy(z))
    return x


def _sampler(
    unit: Unit,
    columns: Mapping[str, NDArray[np.generic]],
    source: NDArray[np.generic],
    tables: list[Pairs],
    blocks: Blocks,
) -> PairSampler:
    factors: Mapping[str, PairSpec] = unit.factors
    return make_sampler(columns, factors, source, blocks, tables=tables, links=unit.training.links)


def _check(unit: Unit, rows: LayerRows, blocks: Blocks) -> PairSampler | None:
    """What draws linked validation rows; None where a concept has no pairs among them."""
    if any(spec.kind == "pairs" for spec in unit.factors.values()):
        return None
    try:
        return _sampler(unit, rows.columns(unit.factors), rows.source, [], blocks)
    except InputError:
        return None


def _places(rows: LayerRows, split: str) -> NDArray[np.int64]:
    return np.flatnonzero(np.asarray(rows.table["split"] == split))


def _without_rows(rows: LayerRows, split: str) -> LayerRows:
    """Table and pairs of a split alone."""
    return LayerRows(torch.empty(len(rows.table), 0), rows.table, rows.pairs).of(split)
