"""Checkpoints that others published, as interpreters.

Read is the layout of the paper's own repository. Neither the names nor the sizes of the blocks are in
such a file, so they are given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from iin_core.blocks import Blocks
from iin_core.errors import CheckpointError
from iin_core.flow import NormalizingFlow
from iin_core.front import fit_front
from iin_core.interpreter import Interpreter
from iin_core.priors import NormalPrior
from iin_core.spec import FlowSpec
from iin_core.tensor_file import read_tensor_file, state_dict_in
from iin_core.transforms import ActNorm, Coupling, NetShape, Permutation

_LAYOUT = "CompVis/iin"
_PLACE = re.compile(r"realnvp\.flow\.(\d+)\.flow\.[012]\.")
_CONDITIONAL = re.compile(r"(flow\.)?sub_layers\.\d+\.coupling\.")


def load_published(path: str | Path, blocks: Mapping[str, int]) -> Interpreter:
    """Read a checkpoint of the paper's repository as an interpreter.

    z̃ and log|det T'| are those of the published code within 1e-5. The prior of each block is N(0, I),
    as the paper trained it.

    Args:
        path: ``{"model": …}`` as the repository's training wrote it, or the bare state dict.
        blocks: name → dimensions in the order in which the blocks lie in z̃; the published trainings
            put the residual last.

    Raises:
        CheckpointError: no such file, one that holds code, another layout, tensors that are missing or
            do not fit together, or blocks that do not sum to N.
        InputError: blocks without a residual, or of no dimensions.

    Source: the public code of arXiv 2004.13166, its layout of names and shapes.
    """
    layout = Blocks(blocks)
    tensors = _Tensors(state_dict_in(read_tensor_file(path), path), path)
    flow = _read_flow(tensors)
    n_dims = tensors.n_dims
    if layout.n_dims != n_dims:
        raise CheckpointError(
            f"The blocks sum to {layout.n_dims} dimensions, the checkpoint has {n_dims}.",
            where=f"{path}, blocks {layout.dims}",
            fix=f"give blocks that sum to {n_dims}; the configuration of the training names them",
        )
    front = fit_front(torch.zeros(2, n_dims), FlowSpec(front="none"))
    priors = {name: NormalPrior(dim) for name, dim in layout.dims.items()}
    meta = {"published": _LAYOUT, "checkpoint": Path(path).name, "couplings": len(flow.transforms) // 3}
    return Interpreter(front, flow, layout, priors, meta)


class _Tensors:
    """The tensors of a checkpoint by name; each is taken once and checked as it is taken."""

    def __init__(self, tensors: Mapping[str, Tensor], path: str | Path) -> None:
        self.path = path
        self._left = dict(tensors)
        places = [match for name in tensors if (match := _PLACE.match(name))]
        if not places:
            raise _other_layout(tensors, path)
        self.n_couplings = 1 + max(int(match[1]) for match in places)
        self.n_dims = self._look("realnvp.flow.0.flow.0.loc").numel()

    def take(self, name: str, *shape: int) -> Tensor:
        """Remove and return a tensor of this shape, finite, in float32 or int64."""
        tensor = self._look(name)
        if tuple(tensor.shape) != shape:
            raise self.unfit(f"{name!r} has shape {tuple(tensor.shape)}, not {shape}")
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise self.unfit(f"{name!r} is not finite")
        del self._left[name]
        return tensor.float() if tensor.is_floating_point() else tensor.long()

    def n_linear(self, name: str) -> tuple[int, int]:
        """How many linear layers a perceptron has, and how wide the first is."""
        n_layers = sum(key.startswith(f"{name}.main.") and key.endswith(".weight") for key in self._left)
        return n_layers, len(self._look(f"{name}.main.0.weight"))

    def refuse_left_over(self) -> None:
        """What is not read could change the result."""
        if self._left:
            raise self.unfit(
                f"it holds tensors that the published network does not have: {_some(self._left)}"
            )

    def unfit(self, what: str) -> CheckpointError:
        """Make the error for tensors that are not those of a published network."""
        return CheckpointError(
            f"The checkpoint does not fit the published network: {what}.",
            where=str(self.path),
            fix="give the whole model of one training of the paper's repository, after its first batch",
        )

    def _look(self, name: str) -> Tensor:
        if name not in self._left:
            raise self.unfit(f"{name!r} is missing")
        return self._left[name]


def _read_flow(tensors: _Tensors) -> NormalizingFlow:
    transforms: list[nn.Module] = []
    for i in range(tensors.n_couplings):
        place = f"realnvp.flow.{i}.flow"
        transforms.append(_read_actnorm(tensors, f"{place}.0"))
        transforms.append(_read_coupling(tensors, f"{place}.1"))
        transforms.append(_read_permutation(tensors, f"{place}.2"))
    tensors.refuse_left_over()
    return NormalizingFlow(transforms)


def _read_actnorm(tensors: _Tensors, place: str) -> ActNorm:
    n_dims = tensors.n_dims
    loc, scale = (tensors.take(f"{place}.{name}", 1, n_dims, 1, 1) for name in ("loc", "scale"))
    if not tensors.take(f"{place}.initialized"):
        raise tensors.unfit(f"{place!r} waits for the first batch of data to set its scale")
    if (scale == 0).any():
        raise tensors.unfit(f"'{place}.scale' is zero somewhere, so it cannot be inverted")
    actnorm = ActNorm(n_dims)
    actnorm.load_state_dict({"loc": loc.view(1, 1, n_dims), "scale": scale.view(1, 1, n_dims)})
    return actnorm


def _read_coupling(tensors: _Tensors, place: str) -> Coupling:
    n_half = tensors.n_dims // 2
    n_layers, hidden = tensors.n_linear(f"{place}.s.0")
    if n_layers < 2:
        raise tensors.unfit(f"'{place}.s.0' has {n_layers} linear layers, not two or more")
    widths = [n_half, *[hidden] * (n_layers - 1), n_half]
    state = {}
    for half in range(2):
        for layer, (n_in, n_out) in enumerate(pairwise(widths)):
            # Ours holds scale and translation side by side, and multiplies from the right.
            linears = [f"{place}.{kind}.{half}.main.{2 * layer}" for kind in "st"]
            weights = [tensors.take(f"{linear}.weight", n_out, n_in).T for linear in linears]
            biases = [tensors.take(f"{linear}.bias", n_out)[None] for linear in linears]
            state[f"nets.{half}.weights.{layer}"] = torch.stack(weights)[None]
            state[f"nets.{half}.biases.{layer}"] = torch.stack(biases)[None]
    coupling = Coupling(tensors.n_dims, NetShape(hidden, n_layers - 2), [torch.Generator()])
    coupling.load_state_dict(state)
    return coupling


def _read_permutation(tensors: _Tensors, place: str) -> Permutation:
    n_dims = tensors.n_dims
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


def _other_layout(tensors: Mapping[str, Tensor], path: str | Path) -> CheckpointError:
    if any(_CONDITIONAL.match(name) for name in tensors):
        return CheckpointError(
            "The checkpoint holds a conditional flow, whose codes depend on a second input.",
            where=str(path),
            fix=f"give a checkpoint of {_LAYOUT}, whose tensors are called realnvp.flow.…",
        )
    return CheckpointError(
        f"The checkpoint holds no published flow, but {_some(tensors)}.",
        where=str(path),
        fix=f"give a checkpoint of {_LAYOUT}, whose tensors are called realnvp.flow.…",
    )


def _some(names: Mapping[str, Tensor]) -> str:
    return ", ".join(list(names)[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
