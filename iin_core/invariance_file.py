"""Conditional interpreters on disk: a folder with one JSON file and one of safetensors, no pickle."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from iin_core.conditional_flow import ConditionalFlow
from iin_core.conditional_rows import GivenMap
from iin_core.embedding import Embedding, SpatialEmbedding
from iin_core.front import Front
from iin_core.invariance import ConditionalInterpreter
from iin_core.saved_folder import SavedFolder, under
from iin_core.transforms import ActNorm, NetShape, Permutation, Rotation
from iin_core.transforms.conditional_coupling import ConditionalCoupling
from iin_core.transforms.leaky import Leaky

FORMAT = 1
_FILES = SavedFolder(
    "invariance", "iin_invariance", FORMAT, "conditional interpreter", "ConditionalInterpreter.save writes"
)
_KINDS: dict[type[nn.Module], str] = {
    ActNorm: "actnorm",
    ConditionalCoupling: "conditional_coupling",
    Leaky: "leaky",
    Permutation: "permutation",
    Rotation: "rotation",
}


def save(interpreter: ConditionalInterpreter, folder: Path) -> None:
    """Write a conditional interpreter into a folder, which is made.

    Raises:
        InputError: the folder's name is that of a file.
    """
    front, given, flow = interpreter.front, interpreter.given, interpreter.flow
    tensors = {f"flow.{name}": value for name, value in flow.state_dict().items()}
    tensors |= {f"front.{name}": getattr(front, name) for name in ("mean", "forward", "backward")}
    tensors["noise"] = interpreter.noise
    if given is not None:
        tensors |= {f"given.{name}": getattr(given, name) for name in ("centre", "scale", "turn")}
    document = {
        "n_dims": interpreter.n_dims,
        "embedding": _describe_embedding(flow.embedding),
        "between": len(flow.between) // 2,
        "flow": [_describe(transform) for transform in flow.transforms],
        "front": {"log_det": front.log_det, "explained": front.explained},
        "given": None if given is None else {"explained": given.explained},
        "meta": interpreter.meta,
    }
    _FILES.write(folder, document, tensors)


def load(folder: Path) -> ConditionalInterpreter:
    """Read a conditional interpreter.

    Raises:
        CheckpointError: files are missing, cut short, of a newer version, or do not fit together.
    """
    return _FILES.read(folder, _assemble)


def _assemble(document: dict[str, Any], tensors: dict[str, Tensor]) -> ConditionalInterpreter:
    n_dims, embedding = document["n_dims"], _rebuild_embedding(document["embedding"])
    width = embedding.n_out
    between = [(torch.empty(1, width, width), torch.empty(1, 1, width)) for _ in range(document["between"])]
    transforms = [_rebuild(entry, n_dims, width) for entry in document["flow"]]
    flow = ConditionalFlow(embedding, transforms, between)
    flow.load_state_dict(under("flow.", tensors))
    front = Front(
        **under("front.", tensors),
        log_det=document["front"]["log_det"],
        explained=document["front"]["explained"],
    )
    given = None
    if document["given"] is not None:
        given = GivenMap(**under("given.", tensors), explained=document["given"]["explained"])
    return ConditionalInterpreter(front, given, flow, tensors["noise"], document["meta"])


def _describe(transform: nn.Module) -> dict[str, Any]:
    entry: dict[str, Any] = {"kind": _KINDS[type(transform)]}
    if isinstance(transform, ConditionalCoupling):
        entry |= asdict(transform.shape)
    if isinstance(transform, Leaky):
        entry |= {"slope": transform.slope, "counted": transform.counted}
    return entry


def _rebuild(entry: dict[str, Any], n_dims: int, n_given: int) -> nn.Module:
    """A transform of the right shape; its tensors are loaded afterwards."""
    kind, generators = entry["kind"], [torch.Generator()]
    if kind == "conditional_coupling":
        shape = NetShape(entry["hidden"], entry["depth"], entry["joint"])
        return ConditionalCoupling(n_dims, n_given, shape, generators)
    if kind == "leaky":
        return Leaky(entry["slope"], counted=entry["counted"])
    if kind == "actnorm":
        return ActNorm(n_dims)
    if kind == "permutation":
        return Permutation(n_dims, generators)
    if kind == "rotation":
        return Rotation(torch.empty(1, n_dims, n_dims))
    raise ValueError(f"an unknown kind of transform, {kind!r}")


def _describe_embedding(embedding: Embedding | SpatialEmbedding) -> dict[str, Any]:
    entry: dict[str, Any] = {"widths": list(embedding.widths), "slope": embedding.slope}
    if isinstance(embedding, SpatialEmbedding):
        entry |= {"shape": list(embedding.shape), "kernel": embedding.kernel}
    return entry


def _rebuild_embedding(entry: dict[str, Any]) -> Embedding | SpatialEmbedding:
    if "shape" in entry:
        channels, height, width = entry["shape"]
        return SpatialEmbedding((channels, height, width), entry["widths"], entry["kernel"], entry["slope"])
    return Embedding(entry["widths"], [torch.Generator()], entry["slope"])
