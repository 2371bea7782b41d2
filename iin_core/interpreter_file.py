"""Interpreters on disk: a folder with one JSON file and one of safetensors, no code, no pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from iin_core.blocks import Blocks
from iin_core.flow import NormalizingFlow
from iin_core.front import Front
from iin_core.interpreter import Interpreter
from iin_core.priors import ClassPrior, NormalPrior, Prior, ValuePrior
from iin_core.saved_folder import SavedFolder, under
from iin_core.transforms.saved import describe, rebuild

FORMAT = 2
_FILES = SavedFolder(
    "interpreter", "iin_interpreter", FORMAT, "interpreter", "Interpreter.save and iin export write"
)


def save(interpreter: Interpreter, folder: Path) -> None:
    """Write an interpreter into a folder, which is made.

    Raises:
        InputError: the folder's name is that of a file.
    """
    front = interpreter.front
    tensors = {f"flow.{name}": value for name, value in interpreter.flow.state_dict().items()}
    tensors |= {f"front.{name}": value for name, value in front.tensors().items()}
    for name, prior in interpreter.priors.items():
        tensors |= {f"prior.{name}.{part}": value for part, value in _prior_tensors(prior).items()}
    document = {
        "n_features": interpreter.n_features,
        "blocks": interpreter.blocks.dims,
        "flow": [describe(transform) for transform in interpreter.flow.transforms],
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
    flow = NormalizingFlow(rebuild(entry, blocks.n_dims) for entry in document["flow"])
    flow.load_state_dict(under("flow.", tensors))
    front = Front(
        **under("front.", tensors),
        log_det=document["front"]["log_det"],
        explained=document["front"]["explained"],
    )
    priors = {name: _load_prior(name, entry, tensors) for name, entry in document["priors"].items()}
    return Interpreter(front, flow, blocks, priors, document["meta"])


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
