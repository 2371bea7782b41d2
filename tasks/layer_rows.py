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

from iin_core.spec import PairSpec
from tasks.activations import load_activations
from tasks.output import Root


@dataclass(frozen=True)
class LayerRows:
    """Activations z, (n, N), and the table of the same rows."""

    z: Tensor
    table: pd.DataFrame

    def of(self, split: str) -> LayerRows:
        """The rows of one split: train, validation or heldout."""
        mask = (self.table["split"] == split).to_numpy()
        return LayerRows(self.z[torch.from_numpy(mask)], self.table[mask].reset_index(drop=True))

    @property
    def source(self) -> NDArray[Any]:
        """The source example of each row."""
        return np.asarray(self.table["source"])

    def columns(self, factors: Mapping[str, PairSpec]) -> dict[str, NDArray[Any]]:
        """For each concept its values."""
        return {name: np.asarray(self.table[spec.column or name]) for name, spec in factors.items()}


def read_table(root: Root, rows_key: str) -> pd.DataFrame:
    """The sealed row table.

    Raises:
        DamagedOutput: it is missing, cut short or changed.
    """
    return pd.read_parquet(BytesIO(root.open("rows", rows_key).read("rows.parquet")))


def load_layer_rows(root: Root, rows_key: str, activations_key: str) -> LayerRows:
    """The sealed activations of a layer beside the row table.

    Raises:
        DamagedOutput: a shard is missing, cut short or changed.
    """
    z = load_activations(root.open("activations", activations_key))
    return LayerRows(torch.from_numpy(z), read_table(root, rows_key))
