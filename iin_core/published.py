"""Checkpoints that others published, as interpreters: the three public layouts.

Neither the names nor the sizes of the blocks are in such a file, so they are given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import overload

import torch
from torch import Tensor, nn

from iin_core.blocks import Blocks
from iin_core.errors import CheckpointError, InputError
from iin_core.flow import NormalizingFlow
from iin_core.front import fit_front
from iin_core.interpreter import Interpreter
from iin_core.invariance import ConditionalInterpreter
from iin_core.priors import NormalPrior
from iin_core.published_conditional import CONDITIONAL, Activation, LogDet, read_conditional
from iin_core.published_tensors import (
    PublishedTensors,
    read_actnorm,
    read_nets,
    read_permutation,
    some_names,
)
from iin_core.spec import FlowSpec
from iin_core.tensor_file import read_tensor_file, state_dict_in
from iin_core.transforms import Coupling

_LAYOUT = "CompVis/iin"
_PLACE = re.compile(r"realnvp\.flow\.(\d+)\.flow\.[012]\.")


@overload
def load_published(path: str | Path, blocks: Mapping[str, int]) -> Interpreter: ...
@overload
def load_published(
    path: str | Path, blocks: None = None, *, activation: Activation = "none", log_det: LogDet = "published"
) -> ConditionalInterpreter: ...
def load_published(
    path: str | Path,
    blocks: Mapping[str, int] | None = None,
    *,
    activation: Activation = "none",
    log_det: LogDet = "published",
) -> Interpreter | ConditionalInterpreter:
    """Read a published checkpoint: an interpreter, or where its flow is conditional a conditional one.

    z̃ and log|det T'| are those of the published code within 1e-5. The prior of each block is N(0, I),
    as the papers trained it. Conditional layouts are those of CompVis/net2net and CompVis/invariances.

    Args:
        path: ``{"model": …}`` or ``{"state_dict": …}`` as a repository's training wrote it, or the bare
            state dict.
        blocks: name → dimensions in the order in which the blocks lie in z̃; the published trainings
            put the residual last. A conditional flow has none: its v is one block.
        activation: of a conditional flow, "leaky" where it was trained with the leaky ReLU of slope 0.9
            that is the code's default and in no state dict; the shipped configurations have "none".
        log_det: "published" leaves out the log-determinant of this leaky ReLU, as that code does;
            "exact" counts it.

    Raises:
        CheckpointError: no such file, one that holds code, another layout, tensors that are missing or
            do not fit together, blocks that do not sum to N, or blocks of a conditional flow.
        InputError: blocks without a residual, or of no dimensions; no blocks where they are needed.

    Source: the public code of arXiv 2004.13166, 2005.13580 and 2008.01777, their layouts of names and shapes.
    """
    layout = None if blocks is None else Blocks(blocks)
    state = state_dict_in(read_tensor_file(path), path)
    if any(CONDITIONAL.match(name) for name in state):
        return _conditional(state, path, layout, activation, log_det)
    if not any(_PLACE.match(name) for name in state):
        raise CheckpointError(
            f"The checkpoint holds no published flow, but {some_names(state)}.",
            where=str(path),
            fix=f"give a checkpoint of {_LAYOUT}, whose tensors are called realnvp.flow.…, or of a "
            "conditional flow, whose tensors are called flow.sub_layers.…",
        )
    if layout is None:
        raise InputError(
            "The checkpoint does not name its blocks.",
            where=str(path),
            fix="give blocks with their dimensions in order; the configuration of the training names them",
        )
    return _interpreter(state, path, layout)


def _conditional(
    state: Mapping[str, Tensor],
    path: str | Path,
    layout: Blocks | None,
    activation: Activation,
    log_det: LogDet,
) -> ConditionalInterpreter:
    if layout is not None and len(layout) > 1:
        raise CheckpointError(
            f"The checkpoint holds a conditional flow, whose v is one block, not {list(layout)}.",
            where=str(path),
            fix="give no blocks",
        )
    interpreter = read_conditional(state, path, activation=activation, log_det=log_det)
    if layout is not None:
        _check_sum(layout, interpreter.n_dims, path)
    return interpreter


def _interpreter(state: Mapping[str, Tensor], path: str | Path, layout: Blocks) -> Interpreter:
    tensors = PublishedTensors(state, path, "the paper's repository")
    n_dims = tensors.look("realnvp.flow.0.flow.0.loc").numel()
    flow = _read_flow(tensors, 1 + max(int(m[1]) for name in state if (m := _PLACE.match(name))), n_dims)
    _check_sum(layout, n_dims, path)
    front = fit_front(torch.zeros(2, n_dims), FlowSpec(front="none"))
    priors = {name: NormalPrior(dim) for name, dim in layout.dims.items()}
    meta = {"published": _LAYOUT, "checkpoint": Path(path).name, "couplings": len(flow.transforms) // 3}
    return Interpreter(front, flow, layout, priors, meta)


def _check_sum(layout: Blocks, n_dims: int, path: str | Path) -> None:
    if layout.n_dims != n_dims:
        raise CheckpointError(
            f"The blocks sum to {layout.n_dims} dimensions, the checkpoint has {n_dims}.",
            where=f"{path}, blocks {layout.dims}",
            fix=f"give blocks that sum to {n_dims}; the configuration of the training names them",
        )


def _read_flow(tensors: PublishedTensors, n_couplings: int, n_dims: int) -> NormalizingFlow:
    transforms: list[nn.Module] = []
    for i in range(n_couplings):
        place = f"realnvp.flow.{i}.flow"
        transforms.append(read_actnorm(tensors, f"{place}.0", n_dims))
        state, shape = read_nets(tensors, f"{place}.1", n_dims // 2, n_dims // 2)
        coupling = Coupling(n_dims, shape, [torch.Generator()])
        coupling.load_state_dict(state)
        transforms.append(coupling)
        transforms.append(read_permutation(tensors, f"{place}.2", n_dims))
    tensors.refuse_left_over()
    return NormalizingFlow(transforms)
