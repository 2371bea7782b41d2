"""Interpreters on disk: a folder with one JSON file and one of safetensors, no code, no pickle."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from iin_core.blocks import Blocks
from iin_core.flow import NormalizingFlow
from iin_core.front import Front
from iin_core.interpreter import Interpreter
from iin_core.priors import ClassPrior, NormalPrior, Prior, ValuePrior
from iin_core.saved_folder import SavedFolder, under
from iin_core.transforms import (
    ActNorm,
    ConditionalAffine,
    Coupling,
    NetShape,
    Permutation,
    ResidualCoupling,
    Rotation,
)
from iin_core.transforms.conditional_affine import describe, rebuild

FORMAT = 2
_FILES = SavedFolder(
    "interpreter", "iin_interpreter", FORMAT, "interpreter", "Interpreter.save and iin export write"
)
_KINDS: dict[type[nn.Module], str] = {
    ActNorm: "actnorm",
    ConditionalAffine: "conditional_affine",
    Coupling: "coupling",
    Permutation: "permutation",
    ResidualCoupling: "residual_coupling",
    Rotation: "rotation",
}


def save(interpreter: Interpreter, folder: Path) -> None:
    """Write an interpreter into a folder, which is made.

    Raises:
        InputError: the folder's name is that of a file.
    """
    front = interpreter.front
    tensors = {f"flow.{name}": value for name, value in interpreter.flow.state_dict().items()}
    tensors |= {"front.mean": front.mean, "front.forward": front.forward, "front.backward": front.backward}
    if front.rest is not None:
        tensors["front.rest"] = front.rest
    for name, prior in interpreter.priors.items():
        tensors |= {f"prior.{name}.{part}": value for part, value in _prior_tensors(prior).items()}
    document = {
        "n_features": interpreter.n_features,
        "blocks": interpreter.blocks.dims,
        "flow": [_describe(transform) for transform in interpreter.flow.transforms],
        "front": {"log_det": front.log_det, "explained": front.explained},
        "priors": {name: _prior_json(prior) for name, prior in interpreter.priors.items()},
        "meta": interpreter.meta,
    }
    _FILES.write(folder, document, tensors)


def load(folder: Path) -> Interpreter:
    """Read an interpreter.

    Raises:
        CheckpointError: files are missing, cut short, of a newer version, or do not fit together.
    """
    return _FILES.read(folder, _assemble)


def _assemble(document: dict[str, Any], tensors: dict[str, Tensor]) -> Interpreter:
    blocks = Blocks(document["blocks"])
    flow = NormalizingFlow(_rebuild(entry, blocks.n_dims) for entry in document["flow"])
    flow.load_state_dict(under("flow.", tensors))
    front = Front(
        tensors["front.mean"],
        tensors["front.forward"],
        tensors["front.backward"],
        document["front"]["log_det"],
        document["front"]["explained"],
        tensors.get("front.rest"),
    )
    priors = {name: _load_prior(name, entry, tensors) for name, entry in document["priors"].items()}
    return Interpreter(front, flow, blocks, priors, document["meta"])


def _describe(transform: nn.Module) -> dict[str, Any]:
    entry: dict[str, Any] = {"kind": _KINDS[type(transform)]}
    if isinstance(transform, (Coupling, ResidualCoupling)):
        entry |= asdict(transform.shape)
    if isinstance(transform, ConditionalAffine):
        entry |= describe(transform)
    if isinstance(transform, ResidualCoupling):
        entry["residual"] = [transform.residual.start, transform.residual.stop]
    return entry


def _rebuild(entry: dict[str, Any], n_dims: int) -> nn.Module:
    """A transform of the right shape; its tensors are loaded afterwards."""
    made, generators = {kind: made for made, kind in _KINDS.items()}[entry["kind"]], [torch.Generator()]
    if made is ActNorm:
        return ActNorm(n_dims)
    if made is ConditionalAffine:
        return rebuild(entry)
    if made is Permutation:
        return Permutation(n_dims, generators)
    if made is Rotation:
        return Rotation(torch.empty(1, n_dims, n_dims))
    shape = NetShape(entry["hidden"], entry["depth"], entry.get("joint", False))
    if made is Coupling:
        return Coupling(n_dims, shape, generators)
    return ResidualCoupling(n_dims, slice(*entry["residual"]), shape, generators)


def _prior_tensors(prior: Prior) -> dict[str, Tensor]:
    if isinstance(prior, ClassPrior):
        return {"means": prior.means, "std": prior.std, "weights": prior.weights}
    return {"weight": prior.weight} if isinstance(prior, ValuePrior) else {}


def _prior_json(prior: Prior) -> dict[str, Any]:
    if isinstance(prior, ClassPrior):
        return {"kind": prior.kind, "labels": list(prior.labels)}
    if isinstance(prior, ValuePrior):
        return {"kind": prior.kind, "bias": prior.bias}
    return {"kind": prior.kind, "width": prior.n_dims}


def _load_prior(name: str, entry: dict[str, Any], tensors: dict[str, Tensor]) -> Prior:
    if entry["kind"] == ClassPrior.kind:
        parts = (tensors[f"prior.{name}.{part}"] for part in ("means", "std", "weights"))
        return ClassPrior(tuple(entry["labels"]), *parts)
    if entry["kind"] == ValuePrior.kind:
        return ValuePrior(tensors[f"prior.{name}.weight"], entry["bias"])
    return NormalPrior(entry["width"])
