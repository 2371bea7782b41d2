"""The tensors of a published checkpoint, each taken once, and the modules that all layouts are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from iin_core.errors import CheckpointError
from iin_core.transforms import ActNorm, NetShape, Permutation


class PublishedTensors:
    """The tensors of a checkpoint by name; each is taken once and checked as it is taken.

    Args:
        tensors: by name.
        path: of the file, for errors.
        of: whose network it is, for errors.
    """

    def __init__(self, tensors: Mapping[str, Tensor], path: str | Path, of: str) -> None:
        self.path, self._of = path, of
        self._left = dict(tensors)

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def take(self, name: str, *shape: int) -> Tensor:
        """Remove and return a tensor of this shape, finite, in float32 or int64."""
        tensor = self.look(name)
        if tuple(tensor.shape) != shape:
            raise self.unfit(f"{name!r} has shape {tuple(tensor.shape)}, not {shape}")
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise self.unfit(f"{name!r} is not finite")
        del self._left[name]
        return tensor.float() if tensor.is_floating_point() else tensor.long()

    def look(self, name: str) -> Tensor:
        """The tensor, which stays."""
        if name not in self._left:
            raise self.unfit(f"{name!r} is missing")
        return self._left[name]

    def parts(self, place: str) -> list[str]:
        """The next words behind ``place.``, each once, numbers in their order."""
        found = {
            name.removeprefix(f"{place}.").split(".")[0]
            for name in self._left
            if name.startswith(f"{place}.")
        }
        return sorted(found, key=lambda word: (not word.isdigit(), int(word) if word.isdigit() else 0, word))

    def refuse_left_over(self) -> None:
        """What is not read could change the result."""
        if self._left:
            raise self.unfit(
                f"it holds tensors that the published network does not have: {some_names(self._left)}"
            )

    def unfit(self, what: str) -> CheckpointError:
        """Make the error for tensors that are not those of a published network."""
        return CheckpointError(
            f"The checkpoint does not fit the published network: {what}.",
            where=str(self.path),
            fix=f"give the whole model of one training of {self._of}, after its first batch",
        )


def read_actnorm(tensors: PublishedTensors, place: str, n_dims: int) -> ActNorm:
    """``{place}.{loc,scale,initialized}`` of so many dimensions."""
    loc, scale = (tensors.take(f"{place}.{name}", 1, n_dims, 1, 1) for name in ("loc", "scale"))
    if not tensors.take(f"{place}.initialized"):
        raise tensors.unfit(f"{place!r} waits for the first batch of data to set its scale")
    if (scale == 0).any():
        raise tensors.unfit(f"'{place}.scale' is zero somewhere, so it cannot be inverted")
    actnorm = ActNorm(n_dims)
    actnorm.load_state_dict({"loc": loc.view(1, 1, n_dims), "scale": scale.view(1, 1, n_dims)})
    return actnorm


def read_nets(
    tensors: PublishedTensors, place: str, n_in: int, n_out: int
) -> tuple[dict[str, Tensor], NetShape]:
    """``{place}.{s,t}.{0,1}.main.…`` as the state of a coupling whose networks read n_in numbers."""
    layers = tensors.parts(f"{place}.s.0.main")
    if len(layers) < 2:
        raise tensors.unfit(f"'{place}.s.0' has {len(layers)} linear layers, not two or more")
    hidden = len(tensors.look(f"{place}.s.0.main.0.weight"))
    widths = [n_in, *[hidden] * (len(layers) - 1), n_out]
    state = {}
    for half in range(2):
        for layer, (n_from, n_to) in enumerate(pairwise(widths)):
            # Ours holds scale and translation side by side, and multiplies from the right.
            linears = [f"{place}.{kind}.{half}.main.{2 * layer}" for kind in "st"]
            weights = [tensors.take(f"{linear}.weight", n_to, n_from).T for linear in linears]
            biases = [tensors.take(f"{linear}.bias", n_to)[None] for linear in linears]
            state[f"nets.{half}.weights.{layer}"] = torch.stack(weights)[None]
            state[f"nets.{half}.biases.{layer}"] = torch.stack(biases)[None]
    return state, NetShape(hidden, len(layers) - 2)


def read_permutation(tensors: PublishedTensors, place: str, n_dims: int) -> Permutation:
    """``{place}.{forward,backward}_shuffle_idx``."""
    forward, backward = (
        tensors.take(f"{place}.{way}_shuffle_idx", n_dims) for way in ("forward", "backward")
    )
    if not torch.equal(forward.sort().values, torch.arange(n_dims)):
        raise tensors.unfit(f"'{place}.forward_shuffle_idx' is no permutation")
    if not torch.equal(forward.argsort(), backward):
        raise tensors.unfit(f"the two index lists of {place!r} are not each other's inverse")
    permutation = Permutation(n_dims, [torch.Generator()])
    permutation.load_state_dict({"forward_index": forward[None], "inverse_index": backward[None]})
    return permutation


def some_names(names: Mapping[str, Tensor] | Sequence[str]) -> str:
    """The first names, and how many more there are."""
    return ", ".join(list(names)[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
