"""Blocks that move z along the differences between class means."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from iin_core.baselines.linear import LinearFactorisation, class_spans, complete, frame, linear_factorisation


def class_means(z: ArrayLike | Tensor, concepts: Mapping[str, ArrayLike]) -> LinearFactorisation:
    """Blocks that *move* z along the differences between class means.

    Block k spans the means of concept k's classes (C − 1 dimensions), the residual is orthogonal to
    all of them. Codes are the coordinates in that joint basis, so that for z = μ_digit + ν_colour +
    rest the exchange of one block exchanges exactly one mean.

    Args:
        z: (n, N) *training* rows.
        concepts: name → (n,) labels; rows without a label (None, NaN, NA) are left out of its means.

    Raises:
        InputError: a concept has no direction of its own (constant, or determined by another one),
            or there are not enough dimensions.
    """
    centre, axes, _ = frame(torch.as_tensor(z))
    rows = (torch.as_tensor(z).double() - centre) @ axes
    spans, dims = class_spans(rows, concepts)
    basis = complete(spans)
    return linear_factorisation(dims, centre, axes @ torch.linalg.inv(basis), basis @ axes.T)
