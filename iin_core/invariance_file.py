"""Conditional interpreters on disk: a folder with one JSON file and one of safetensors, no pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from iin_core.conditional_flow import ConditionalFlow
from iin_core.conditional_rows import GivenMap
from iin_core.embedding import Embedding, SpatialEmbedding
from iin_core.front import Front
from iin_core.invariance import ConditionalInterpreter
from iin_core.saved_folder import SavedFolder, under
from iin_core.transforms.saved import describe, rebuild

FORMAT = 1
_FILES = SavedFolder(
    "invariance", "iin_invariance", FORMAT, "conditional interpreter", "ConditionalInterpreter.save writes"
)


def save(interpreter: ConditionalInterpreter, folder: Path) -> None:
    """Write a conditional interpreter into a folder, which is made.

    Raises:
        InputError: the folder's name is that of a file.
    """
    front, given, flow = interpreter.front, interpreter.given, interpreter.flow
    tensors = {f"flow.{name}": value for name, value in flow.state_dict().items()}
    tensors |= {f"front.{name}": value for name, value in front.tensors().items()}
    tensors["noise"] = interpreter.noise
    if given is not None:
        tensors |= {f"given.{name}": getattr(given, name) for name in ("centre", "scale", "turn")}
    document = {
        "n_dims": interpreter.n_dims,
        "embedding": _describe_embedding(flow.embedding),
        "between": len(flow.between) // 2,
        "flow": [describe(transform) for transform in flow.transforms],
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
    transforms = [rebuild(entry, n_dims, width) for entry in document["flow"]]
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
