"""The front of a unit: fitted and sealed with its dimensions, read by whatever trains the unit."""

from __future__ import annotations

from typing import Any

from safetensors.torch import load, save
from upath import UPath

from iin_core.front import Front
from tasks.output import Root
from tasks.plan import Unit

FRONT = "front.safetensors"


def write_front(folder: UPath, front: Front) -> dict[str, Any]:
    """Write a front's tensors into a folder; what is returned goes into the output's meta as `front`."""
    tensors = {"mean": front.mean, "forward": front.forward, "backward": front.backward}
    if front.rest is not None:
        tensors["rest"] = front.rest
    (folder / FRONT).write_bytes(save({name: value.contiguous() for name, value in tensors.items()}))
    return {
        "log_det": front.log_det,
        "explained": front.explained,
        "remainder": 0 if front.rest is None else front.rest.shape[1],
    }


def open_front(root: Root, unit: Unit) -> Front:
    """The sealed front of a unit.

    Raises:
        DamagedOutput: it is missing, cut short or changed.
    """
    output = root.open("dimensions", unit.dimensions.key)
    tensors, meta = load(output.read(FRONT)), output.meta["front"]
    return Front(
        tensors["mean"],
        tensors["forward"],
        tensors["backward"],
        meta["log_det"],
        meta["explained"],
        tensors.get("rest"),
    )
