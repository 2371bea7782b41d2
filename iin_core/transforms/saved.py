"""What is saved of a transform besides its tensors, and a transform of that shape again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import nn

from iin_core.transforms.actnorm import ActNorm
from iin_core.transforms.conditional_affine import ConditionalAffine
from iin_core.transforms.conditional_affine import describe as describe_affine
from iin_core.transforms.conditional_affine import rebuild as rebuild_affine
from iin_core.transforms.conditional_coupling import ConditionalCoupling
from iin_core.transforms.conditioner import NetShape
from iin_core.transforms.coupling import Coupling
from iin_core.transforms.leaky import Leaky
from iin_core.transforms.permutation import Permutation
from iin_core.transforms.residual_coupling import ResidualCoupling
from iin_core.transforms.rotation import Rotation

_KINDS: dict[type[nn.Module], str] = {
    ActNorm: "actnorm",
    ConditionalAffine: "conditional_affine",
    ConditionalCoupling: "conditional_coupling",
    Coupling: "coupling",
    Leaky: "leaky",
    Permutation: "permutation",
    ResidualCoupling: "residual_coupling",
    Rotation: "rotation",
}


def describe(transform: nn.Module) -> dict[str, Any]:
    """What besides its tensors makes a transform again, as JSON holds it."""
    entry: dict[str, Any] = {"kind": _KINDS[type(transform)]}
    if isinstance(transform, (ConditionalCoupling, Coupling, ResidualCoupling)):
        entry |= asdict(transform.shape)
    if isinstance(transform, ConditionalAffine):
        entry |= describe_affine(transform)
    if isinstance(transform, Leaky):
        entry |= {"slope": transform.slope, "counted": transform.counted}
    if isinstance(transform, ResidualCoupling):
        entry["residual"] = [transform.residual.start, transform.residual.stop]
    return entry


def rebuild(entry: Mapping[str, Any], n_dims: int, n_given: int = 0) -> nn.Module:
    """A transform of the shape that `describe` gave; its tensors are loaded afterwards.

    Args:
        entry: what `describe` gave.
        n_dims: N.
        n_given: the width of what conditional couplings read besides.

    Raises:
        ValueError: a kind that there is not.
    """
    generators = [torch.Generator()]
    made: Mapping[str, Callable[[], nn.Module]] = {
        "actnorm": lambda: ActNorm(n_dims),
        "conditional_affine": lambda: rebuild_affine(entry),
        "conditional_coupling": lambda: ConditionalCoupling(n_dims, n_given, _shape(entry), generators),
        "coupling": lambda: Coupling(n_dims, _shape(entry), generators),
        "leaky": lambda: Leaky(entry["slope"], counted=entry["counted"]),
        "permutation": lambda: Permutation(n_dims, generators),
        "residual_coupling": lambda: ResidualCoupling(
            n_dims, slice(*entry["residual"]), _shape(entry), generators
        ),
        "rotation": lambda: Rotation(torch.empty(1, n_dims, n_dims)),
    }
    if entry["kind"] not in made:
        raise ValueError(f"an unknown kind of transform, {entry['kind']!r}")
    return made[entry["kind"]]()


def _shape(entry: Mapping[str, Any]) -> NetShape:
    return NetShape(entry["hidden"], entry["depth"], entry.get("joint", False))
