"""Held-out rows of a unit as figures need them: which, what they are, and how they are named."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iin_core.concept_values import class_index
from iin_core.metrics import quintiles
from iin_core.varied_rows import varied_rows
from tasks.evaluation.material import Material, is_absent
from tasks.evaluation.network import Network

Rows = NDArray[np.int64]
Values = NDArray[np.generic]


def concept_columns(material: Material) -> dict[str, Values]:
    """Concept → (n,) its values: labels by their names, numbers as floats; the unit's own come first."""
    found: dict[str, Values] = {}
    for name in dict.fromkeys([*material.factors, *material.probed]):
        if name not in material.probed:
            continue
        values = material.probed[name]
        if values.dtype.kind == "f":
            found[name] = values
            continue
        names, codes = class_index(material.table[material.columns[name]].to_numpy())
        found[name] = np.array([*names, None], dtype=object)[codes]
    return found


def starting_rows(material: Material, n: int, seed: int) -> Rows:
    """Held-out rows, each of its own source, in which the values of the unit's concepts occur alike often."""
    concepts: Mapping[str, Values] = concept_columns(material)
    whole = np.flatnonzero(~np.any([is_absent(v) for v in concepts.values()], axis=0)) if concepts else None
    if whole is None or not len(whole):
        whole = np.arange(len(material.rows))
    binned = {
        name: quintiles(values[whole]) if values.dtype.kind == "f" else class_index(values[whole])[1]
        for name, values in concepts.items()
        if name in material.factors
    }
    if not binned:
        binned = {"row": np.zeros(len(whole), dtype=np.int64)}
    return whole[varied_rows(binned, material.source[whole], n, seed)]


def map_rows(material: Material, n: int, seed: int) -> Rows:
    """So many held-out rows, drawn evenly, in their order."""
    n_rows = len(material.rows)
    return np.sort(np.random.default_rng(seed).choice(n_rows, min(n, n_rows), replace=False))


def decoded_images(network: Network, rows: Rows, delta: Tensor | None = None) -> Tensor | None:
    """What the model decodes of rows (n,) of the data, edited by `delta` (n, N) or not.

    Returns:
        (n, channels, height, width) float32; None where it decodes nothing that is an image.
    """
    if not (network.decodes and network.reading.editable):
        return None
    outputs = list(network.outputs(rows, None if delta is None else lambda part: delta[part]))
    if any(not isinstance(o, Tensor) or o.ndim != 4 or o.shape[1] not in (1, 3) for o in outputs):
        return None
    return torch.cat(outputs).float()
