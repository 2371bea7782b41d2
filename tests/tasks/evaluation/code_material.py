"""Held-out rows with a code of known make, without a study around them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from iin_core.blocks import Blocks
from tasks.evaluation.material import Coded, Material


@dataclass(frozen=True)
class Unchanged:
    """A factorisation that leaves rows as they are."""

    blocks: Blocks

    def encode(self, z: Tensor) -> Tensor:
        return z

    def decode(self, z_tilde: Tensor, like: Tensor | None = None) -> Tensor:
        return z_tilde


def make_material(code: np.ndarray, dims: dict[str, int], labels: dict[str, np.ndarray], source: np.ndarray):
    """Material whose IIN gives `code` in blocks of `dims`; every label is a factor."""
    rows = torch.as_tensor(code, dtype=torch.float32)
    names = tuple(labels)
    return Material(
        z=rows,
        passing=rows[:, :0],
        rows=np.arange(len(code)),
        table=pd.DataFrame({"source": source}),
        columns={name: name for name in names},
        probed=labels,
        factors=names,
        labelled=names,
        methods={"iin": Coded(Unchanged(Blocks(dims)), rows, rows)},
        absent={},
    )
