"""What the metrics need of a code: an IIN is one, and so is every baseline beside it."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from iin_core.blocks import Blocks


class Factorisation(Protocol):
    """A bijection between activations z and block codes z̃."""

    @property
    def blocks(self) -> Blocks:
        """The layout of z̃."""
        ...

    def encode(self, z: Tensor) -> Tensor:
        """z (n, N) → z̃ (n, d), float32."""
        ...

    def decode(self, z_tilde: Tensor, like: Tensor | None = None) -> Tensor:
        """z̃ (n, d) → z (n, N); where d < N the remainder is taken from `like` (n, N)."""
        ...


def swap(factorisation: Factorisation, base: Tensor, donor: Tensor, factor: str) -> Tensor:
    """Activations (n, N) whose block `factor` is the donor's and all else the base's.

    The base moves by T⁻¹(z̃′) − T⁻¹(z̃), so that it stays as it is, to the bit, where base and donor
    have the same block.

    Args:
        factorisation: T.
        base: (n, N).
        donor: (n, N).
        factor: a block's name.
    """
    place = factorisation.blocks[factor]
    code = factorisation.encode(base)
    edited = code.clone()
    edited[:, place] = factorisation.encode(donor)[:, place]
    return base + (factorisation.decode(edited, like=base) - factorisation.decode(code, like=base))
