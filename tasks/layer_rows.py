"""The rows of one layer with their table, by split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from iin_core.concept_checks import columns_of
from iin_core.pairs import Pairs
from iin_core.spec import PairSpec
from tasks.activations import load_activations
from tasks.layer_places import FILE, ROW
from tasks.output import Root
from tasks.rows import PAIRS
from tasks.sources.concepts.pair_table import as_tables


@dataclass(frozen=True)
class LayerRows:
    """Activations z, (n, N), the table of the same rows, and the pairs of rows that files name."""

    z: Tensor
    table: pd.DataFrame
    pairs: pd.DataFrame | None = None

    def of(self, split: str) -> LayerRows:
        """The rows of one split: train, validation or heldout."""
        mask = np.array(self.table["split"] == split)
        place = np.cumsum(mask) - 1
        pairs = self.pairs
        if pairs is not None:
            pairs = pairs[mask[pairs["a"]] & mask[pairs["b"]]]
            pairs = pairs.assign(a=place[pairs["a"]], b=place[pairs["b"]])
        return LayerRows(self.z[torch.from_numpy(mask)], self.table[mask].reset_index(drop=True), pairs)

    @property
    def source(self) -> NDArray[Any]:
        """The source example of each row."""
        return np.asarray(self.table["source"])

    def columns(self, factors: Mapping[str, PairSpec]) -> dict[str, NDArray[Any]]:
        """For each concept that has values its values."""
        return columns_of(self.table, factors)

    def tables(self, factors: Mapping[str, PairSpec]) -> list[Pairs]:
        """The tables of pairs of those concepts that are given by one."""
        named = [name for name, spec in factors.items() if spec.kind == "pairs"]
        if self.pairs is None or not named:
            return []
        return [table for name in named for table in as_tables(self.pairs[self.pairs["concept"] == name])]


def read_table(root: Root, rows_key: str) -> pd.DataFrame:
    """The sealed row table.

    Raises:
        DamagedOutput: it is missing, cut short or changed.
    """
    return pd.read_parquet(BytesIO(root.open("rows", rows_key).read("rows.parquet")))


def layer_table(root: Root, rows_key: str, activations_key: str) -> pd.DataFrame:
    """The table of the rows of a layer: the row table, or where a reading gives several rows an example,
    for each the row of its example, with the columns that tell them apart (`token`, `y`, `x`, `call`).

    Raises:
        DamagedOutput: it is missing, cut short or changed.
    """
    table = read_table(root, rows_key)
    output = root.open("activations", activations_key)
    if FILE not in output.files:
        return table
    places = pd.read_parquet(BytesIO(output.read(FILE)))
    rows = table.iloc[places[ROW].to_numpy()].reset_index(drop=True)
    new = [column for column in places.columns if column != ROW and column not in rows]
    return pd.concat([rows, places[new]], axis=1)


def read_pairs(root: Root, rows_key: str) -> pd.DataFrame | None:
    """The sealed pairs of rows, None where no concept is given by any.

    Raises:
        DamagedOutput: they are cut short or changed.
    """
    output = root.open("rows", rows_key)
    return pd.read_parquet(BytesIO(output.read(PAIRS))) if output.meta.get("pairs") else None


def load_layer_rows(root: Root, rows_key: str, activations_key: str) -> LayerRows:
    """The sealed activations of a layer beside the row table.

    Raises:
        DamagedOutput: a shard is missing, cut short or changed.
    """
    z = load_activations(root.open("activations", activations_key))
    return LayerRows(
        torch.from_numpy(z), layer_table(root, rows_key, activations_key), read_pairs(root, rows_key)
    )
