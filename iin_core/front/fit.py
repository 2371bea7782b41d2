"""The front that a flow's spec asks for, fitted on rows in memory or in one pass over a reader."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from iin_core.front.linear_map import Front
from iin_core.front.narrow import fit_narrow
from iin_core.front.shared import Shared
from iin_core.front.wide import fit_wide
from iin_core.row_reader import ArrayReader, RowReader
from iin_core.spec import FlowSpec


def fit_front(rows: Tensor | RowReader, spec: FlowSpec, shared: Sequence[Shared] = ()) -> Front:
    """Fit the front that a flow's spec asks for on training rows.

    A layer of at most `spec.front_dims` features is whitened whole (`narrow`). Of a wider one the
    directions that pairs share come first, then the principal ones (`wide`). Both read the rows once,
    in blocks; memory does not grow with their number.

    Args:
        rows: z, (n, N), or a reader of them.
        spec: `front` and `front_dims`.
        shared: what pairs share, see `shared_by`; for wide layers.

    Raises:
        InputError: all rows are the same.
    """
    reader = ArrayReader(rows.numpy()) if isinstance(rows, Tensor) else rows
    n_features = reader.n_features
    if spec.front == "none":
        identity = torch.eye(n_features)
        return Front(torch.zeros(n_features), identity, identity.clone(), 0.0, 1.0)
    if n_features <= spec.front_dims:
        return fit_narrow(reader)
    return fit_wide(reader, spec.front_dims, shared)
