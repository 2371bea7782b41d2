"""The front that a flow's spec asks for, fitted on rows in memory or in one pass over a reader."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from iin_core.front.linear_map import Front
from iin_core.front.narrow import fit_narrow
from iin_core.front.shared import Shared
from iin_core.front.support import supported_dims
from iin_core.front.wide import fit_wide
from iin_core.row_reader import ArrayReader, RowReader
from iin_core.spec import FlowSpec


def fit_front(
    rows: Tensor | RowReader,
    spec: FlowSpec,
    shared: Sequence[Shared] = (),
    source: ArrayLike | None = None,
) -> Front:
    """Fit the front that a flow's spec asks for on training rows.

    A layer of at most `spec.front_dims` features is whitened whole (`narrow`). Of a wider one the
    directions that pairs share come first, then the principal ones (`wide`). Both read the rows once,
    in blocks; memory does not grow with their number. Where `front_dims` is left open and rows are few,
    a wider layer keeps as many directions as the rows support, see `support`.

    Args:
        rows: z, (n, N), or a reader of them.
        spec: `front` and `front_dims`.
        shared: what pairs share, see `shared_by`; for wide layers.
        source: (n,), the source of each row; each row its own when left out.

    Raises:
        InputError: all rows are the same.
    """
    reader = ArrayReader(rows.numpy()) if isinstance(rows, Tensor) else rows
    n_features = reader.n_features
    if spec.front == "none":
        identity = torch.eye(n_features)
        return Front(torch.zeros(n_features), identity, identity.clone(), 0.0, 1.0)
    most = spec.most_dims
    if n_features <= most:
        return fit_narrow(reader)
    n_dims = most if spec.front_dims else supported_dims(reader, source, most)
    return fit_wide(reader, n_dims, shared, few_rows=n_dims < most)
