"""Blocks that read z by linear discriminants."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from iin_core.baselines.linear import LinearFactorisation, class_spans, complete, frame, linear_factorisation


def lda(z: ArrayLike | Tensor, concepts: Mapping[str, ArrayLike]) -> LinearFactorisation:
    """Blocks that *read* z by linear discriminants.

    Block k holds the C − 1 discriminants of concept k (projections of whitened z on its class
    means), the residual all directions that are uncorrelated with them; decoding is the inverse.

    Args:
        z: (n, N) *training* rows.
        concepts: name → (n,) labels; rows without a label (None, NaN, NA) are left out of its means.

    Raises:
        InputError: as `class_means`.

    Source: Fisher's discriminants; in whitened coordinates S_w⁻¹S_b and S_t⁻¹S_b have one span.
    """
    centre, axes, scale = frame(torch.as_tensor(z))
    rows = (torch.as_tensor(z).double() - centre) @ axes / scale
    spans, dims = class_spans(rows, concepts)
    basis = complete(spans)
    readings = (axes / scale) @ basis.T
    return linear_factorisation(dims, centre, readings, torch.linalg.inv(basis.T) @ (axes * scale).T)
