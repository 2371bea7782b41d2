"""Blocks by least-squares concept erasure: no block tells a linear reader of a foreign concept."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from iin_core.baselines.linear import LinearFactorisation, class_spans, complete, frame, linear_factorisation


def leace(z: ArrayLike | Tensor, concepts: Mapping[str, ArrayLike]) -> LinearFactorisation:
    """The bijection whose residual is z with every concept erased, and whose blocks are what was erased.

    With W = Σ_zz^(−1/2) and one-hot labels c, LEACE erases a concept by z ↦ z − W⁻¹ P W (z − E z),
    P the orthogonal projection on the columns of W Σ_zc: the least change of z after which no linear
    reader does better than a constant. Here, in whitened coordinates y = W (z − E z), S_k spans
    the columns of W Σ_zc of concept k (C − 1 dimensions) and

    - the *residual* is y projected on the complement of all S_k: all concepts erased at once;
    - *block k* is what that erasure takes away, with the other concepts erased from it: of the sum
      of all S_j the coordinates that are orthogonal to every S_j, j ≠ k. The exchange of block k
      moves y along S_k, as the erasure of concept k does.

    So no block tells a linear reader anything of a foreign concept on the rows it was fitted on:
    there the class means of every foreign concept are equal. `lda` reads along S_k instead, and
    differs where the S_k are not orthogonal to each other. Wider activations than 256 are erased in
    their principal coordinates; the remainder stays as it is.

    Args:
        z: (n, N) *training* rows.
        concepts: name → (n,) labels; rows without a label (None, NaN, NA) are left out of its means.

    Raises:
        InputError: as `class_means`.

    Source: Belrose et al., "LEACE: Perfect linear concept erasure in closed form" (2023), theorem
        4.2; the joint factorisation into blocks is ours.
    """
    centre, axes, scale = frame(torch.as_tensor(z))
    rows = (torch.as_tensor(z).double() - centre) @ axes / scale
    spans, dims = class_spans(rows, concepts)
    basis = complete(spans)
    reading = (axes / scale) @ torch.linalg.inv(basis)
    return linear_factorisation(dims, centre, reading, basis @ (axes * scale).T)
