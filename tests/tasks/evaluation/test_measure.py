"""What is measured of one unit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from iin_core.blocks import Blocks
from iin_core.spec import EvaluationSpec
from tasks.evaluation.material import Coded, Material
from tasks.evaluation.probes import probe_layer, probe_units


class _Narrow:
    """A code of two coordinates, so that only the layer itself is wide."""

    blocks = Blocks({"residual": 2})


class _Two:
    """A residual and a block for the label."""

    blocks = Blocks({"residual": 2, "label": 1})


def _material(n, width):
    """Rows of a layer in which a label moves the direction of the largest variance."""
    rng = np.random.default_rng(0)
    label = rng.integers(2, size=n)
    z = rng.normal(size=(n, width))
    z[:, 0] += 10 * label
    rows = torch.tensor(z, dtype=torch.float32)
    return Material(
        z=rows,
        passing=rows[:, :0],
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
    found = probe_layer(_material(100, 120), EvaluationSpec(bootstrap=2))
    assert min(cell.accuracy.value for cell in found.cells) > 0.8


def test_what_passes_by_the_flow_is_read_as_a_block():
    """A label that the front leaves out is found in the block "remainder", and counts as a leak."""
    whole = _material(200, 8)
    passing = whole.z[:, :1]
    blind = Coded(_Two(), whole.z[:, 1:4], whole.z)
    material = replace(
        whole, passing=passing, factors=("label",), labelled=("label",), methods={"iin": blind}
    )
    spec = EvaluationSpec(bootstrap=2, probes=("linear",))
    (found,) = probe_units([material], spec)
    assert [cell.block for cell in found.cells] == ["residual", "label", "remainder", "all"]
    worst = found.worst("linear")
    assert (worst.block, worst.accuracy.value > 0.95) == ("remainder", True)
