"""Readings that give several rows an example: each token of a sequence, each position of a feature map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iin_core.errors import InputError
from iin_core.reading_checks import added, check_activation, check_delta
from iin_core.reading_inputs import real_tokens

Axis = Literal["token", "position"]


def drawn(
    counts: NDArray[np.int64], sample: int | None, seed: int, first: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which tokens or positions of each example become rows.

    Args:
        counts: (n,) how many each example has.
        sample: at most so many of each; None: all.
        seed: of the draw, which depends on this and on the example's number alone.
        first: the number of the first example.

    Returns:
        Examples (m,), from 0 and rising, and places (m,), rising within each example.
    """
    if sample is None:
        examples = np.repeat(np.arange(len(counts)), counts)
        places = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        return examples, places
    chosen = [
        np.sort(np.random.default_rng([seed, first + i]).permutation(count)[:sample])
        for i, count in enumerate(counts.tolist())
    ]
    examples = np.repeat(np.arange(len(counts)), [len(places) for places in chosen])
    return examples, np.concatenate([*chosen, np.empty(0, np.int64)]).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Entries:
    """Given tokens or positions of given examples, each one a row, in the order in which they are given.

    Attributes:
        axis: what a place is: a token of ``(n, T, D)``, or a position of ``(n, C, H, W)``, row by row.
        example: (m,) of the batch.
        place: (m,) which, from 0; tokens are counted without padding.
        mask: as of `Token`.
        real: (n, T), of the batch, see `bound`.
    """

    axis: Axis
    example: Tensor
    place: Tensor
    mask: str | None = None
    real: Tensor | None = field(default=None, repr=False)
    lossless: bool = False
    editable: bool = True

    @property
    def name(self) -> str:
        """``token: each`` or ``position: each``."""
        return f"{self.axis}: each"

    def bound(self, inputs: Mapping[str, Any]) -> Entries:
        """With the padding of a batch."""
        if self.axis == "position":
            return self
        return replace(self, real=real_tokens(inputs, self.mask))

    def rows(self, activation: Tensor) -> Tensor:
        """Read ``(m, D)`` or ``(m, C)``."""
        places = _places_last(activation, self.axis, self.name)
        return places[self._index(places)].float()

    def add(self, activation: Tensor, delta_rows: Tensor) -> Tensor:
        """Change the given places and no other; a place given twice gets both changes."""
        places = _places_last(activation, self.axis, self.name)
        check_delta(delta_rows, (len(self.example), places.shape[2]), self)
        delta = torch.zeros(places.shape, dtype=torch.float32, device=places.device)
        changes = delta_rows.to(places.device).float()
        delta = delta.index_put(self._index(places), changes, accumulate=True)
        edited = added(places, delta)
        return edited if self.axis == "token" else edited.transpose(1, 2).reshape(activation.shape)

    def _index(self, places: Tensor) -> tuple[Tensor, Tensor]:
        example, place = self.example.to(places.device), self.place.to(places.device)
        if self.real is not None:
            real = fitting_mask(self.real, places)
            # Stable: real tokens come first, in their order.
            place = (~real).to(torch.int8).argsort(dim=1, stable=True)[example, place]
        return example, place


@dataclass(frozen=True)
class Position:
    """Each position of a feature map ``(n, C, H, W)`` or ``(n, C, L)``, or a seeded sample of them, a row.

    Row by row of the map, example by example. In a batch of its own the draw follows the place in the batch;
    studies draw by the number of the row in the data.
    """

    which: Literal["each"] = "each"
    sample: int | None = None
    seed: int = 0
    lossless: bool = False
    editable: bool = True

    @property
    def name(self) -> str:
        """``position: each``."""
        return f"position: {self.which}"

    def rows(self, activation: Tensor) -> Tensor:
        """Read ``(n, C, ...)`` as ``(m, C)``."""
        return self.entries(activation).rows(activation)

    def add(self, activation: Tensor, delta_rows: Tensor) -> Tensor:
        """Change the positions that are read and no other."""
        return self.entries(activation).add(activation, delta_rows)

    def entries(self, activation: Tensor) -> Entries:
        """Which positions are read of such an activation."""
        n, n_places = _places_last(activation, "position", self.name).shape[:2]
        example, place = drawn(np.full(n, n_places, np.int64), self.sample, self.seed)
        return Entries("position", torch.from_numpy(example), torch.from_numpy(place))


def _places_last(activation: Tensor, axis: Axis, name: str) -> Tensor:
    """``(n, places, features)``."""
    if axis == "token":
        check_activation(activation, name, activation.dim() == 3, "(n, tokens, D)")
        return activation
    check_activation(activation, name, activation.dim() >= 3, "(n, C, L), (n, C, H, W) or more axes")
    return activation.flatten(2).transpose(1, 2)


def fitting_mask(real: Tensor, tokens: Tensor) -> Tensor:
    """The mask (n, T) where the tokens (n, T, D) are.

    Raises:
        InputError: they are not the same tokens.
    """
    if tuple(real.shape) != tuple(tokens.shape[:2]):
        raise InputError(
            f"The mask has shape {tuple(real.shape)}, the activation {tuple(tokens.shape)}: they do not "
            "have the same tokens.",
            fix="name the mask of this layer's tokens: `mask: name`, or `mask: none` if none is padding",
        )
    return real.to(tokens.device)
