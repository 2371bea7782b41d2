"""What is measured of one unit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from iin_core.blocks import Blocks
from iin_core.spec import EvaluationSpec
from tasks.evaluation.material import Coded, Material
from tasks.evaluation.measure import probe


class _Narrow:
    """A code of two coordinates, so that only the layer itself is wide."""

    blocks = Blocks({"residual": 2})


def _material(n, width):
    """Rows of a layer in which a label moves the direction of the largest variance."""
    rng = np.random.default_rng(0)
    label = rng.integers(2, size=n)
    z = rng.normal(size=(n, width))
    z[:, 0] += 10 * label
    rows = torch.tensor(z, dtype=torch.float32)
    return Material(
        z=rows,
        rows=np.arange(n),
        table=pd.DataFrame({"source": np.arange(n), "label": label}),
        columns={},
        probed={"label": label},
        factors=(),
        labelled=(),
        methods={"iin": Coded(_Narrow(), rows[:, 1:3], rows)},
        absent={},
    )


def test_a_layer_as_wide_as_it_has_rows_is_read():
    """Whitened, so many directions are all alike; its first principal coordinates tell what it carries."""
    found = probe(_material(100, 120), EvaluationSpec(bootstrap=2))["layer"]
    assert min(cell.accuracy.value for cell in found.cells) > 0.8
