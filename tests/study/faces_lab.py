"""A pretrained face network on handwritten digits, as a user of one's own would write it.

The last network of MTCNN, with the names of its published state dict (`data/onet.pt` in the wheel of
facenet-pytorch), whose class cannot be imported beside every torch.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from iin_core.examples.coloured_digits import coloured_digits

SOURCES = 400


def digits() -> tuple[Tensor, pd.DataFrame]:
    """400 handwritten digits in six colours, (2400, 3, 48, 48) in [0, 1]."""
    images, table = coloured_digits()
    kept = np.random.default_rng(0).permutation(table["source"].nunique())[:SOURCES]
    rows = np.flatnonzero(table["source"].isin(kept))
    large = interpolate(torch.from_numpy(images[rows]), 48, mode="bilinear", antialias=True)
    return large.clamp(0, 1), table.iloc[rows].reset_index(drop=True)


def watched(output: tuple[Tensor, Tensor, Tensor]) -> dict[str, Tensor]:
    """Face or no face as probabilities, and where box and landmarks lie."""
    box, landmarks, face = output
    return {"face": face.softmax(1), "box": box, "landmarks": landmarks}


class ONet(nn.Module):
    """Image (n, 3, 48, 48) → box (n, 4), landmarks (n, 10), logits of no face and face (n, 2)."""

    def __init__(self) -> None:
        super().__init__()
        widths = [3, 32, 64, 64, 128]
        for i, kernel in enumerate((3, 3, 3, 2), 1):
            self.add_module(f"conv{i}", nn.Conv2d(widths[i - 1], widths[i], kernel))
            self.add_module(f"prelu{i}", nn.PReLU(widths[i]))
        self.pools = [nn.MaxPool2d(k, 2, ceil_mode=True) for k in (3, 3, 2)] + [nn.Identity()]
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1, self.dense6_2, self.dense6_3 = (nn.Linear(256, n) for n in (2, 4, 10))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = (x * 255 - 127.5) / 128
        for i, pool in enumerate(self.pools, 1):
            x = pool(self.get_submodule(f"prelu{i}")(self.get_submodule(f"conv{i}")(x)))
        x = self.prelu5(self.dense5(x.permute(0, 3, 2, 1).flatten(1)))
        return self.dense6_2(x), self.dense6_3(x), self.dense6_1(x)
