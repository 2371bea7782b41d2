"""Exactness: what is lost by going through T and back."""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from iin_core.factorisation import Factorisation


def invertibility_error(factorisation: Factorisation, z: ArrayLike | Tensor) -> float:
    """max |z − T⁻¹(T(z))| over rows and dimensions, in units of z.

    Args:
        factorisation: T.
        z: (n, N).
    """
    rows = torch.as_tensor(z, dtype=torch.float32)
    back = factorisation.decode(factorisation.encode(rows), like=rows)
    return float((rows - back).abs().max())


def identity_error(output: Tensor, through: Tensor) -> float:
    """max |f(x) − G(T⁻¹(T(E(x))))| over all entries, in units of the model's output.

    Args:
        output: f(x), any shape.
        through: the output after re-inserting T⁻¹(T(E(x))), the same shape.
    """
    return float((output.float() - through.float()).abs().max())
