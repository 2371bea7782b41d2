"""What probes read: of the units of a layer and concept set together, of its baselines, of the layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from iin_core.baselines.linear import frame
from iin_core.blocks import Blocks
from iin_core.metrics import Leakage, LeakageCell, leakages
from iin_core.metrics.leakage import ALL
from iin_core.spec import EvaluationSpec
from tasks.evaluation.material import Material
from tasks.evaluation.tables import LAYER, REMAINDER

_MAX_PROBED = 256
_ROWS_A_COORDINATE, _MIN_PROBED = 10, 16
"""Probes need rows for each coordinate: of as many whitened directions as rows nothing can be read."""


def probe_units(materials: Sequence[Material], spec: EvaluationSpec) -> list[Leakage]:
    """The leakage matrix of each unit's IIN; all of their probes are trained stacked.

    Its blocks, its whole code and what passes by its flow are probed for every concept of the study.

    Args:
        materials: of units of one layer and concept set.
        spec: theirs.
    """
    codes = {
        (i, part): code for i, material in enumerate(materials) for part, code in _codes(material).items()
    }
    # Fitting on shuffled labels too costs as much again; without it they are shuffled afterwards.
    shuffles = 0 if spec.level == "default" else 1
    named = {f"{part} {i}": code for (i, part), code in codes.items()}
    found = leakages(named, materials[0].probed, materials[0].source, spec, shuffles=shuffles)
    return [
        _whole({part: found[f"{part} {i}"] for part in _codes(material)})
        for i, material in enumerate(materials)
    ]


def probe_baselines(material: Material, spec: EvaluationSpec) -> dict[str, Leakage]:
    """Baseline → leakage matrix of its blocks, of the unit's own labels."""
    if not material.baselines:
        return {}
    codes = {name: (method.code, method.factorisation.blocks) for name, method in material.baselines.items()}
    own = {name: material.probed[name] for name in material.labelled}
    return leakages(codes, own, material.source, spec, shuffles=0)


def probe_layer(material: Material, spec: EvaluationSpec) -> Leakage:
    """What probes read of every concept of the study from the activations themselves."""
    codes = {LAYER: (_layer_code(material), None)}
    return leakages(codes, material.probed, material.source, spec, shuffles=0)[LAYER]


def _codes(material: Material) -> dict[str, tuple[Tensor, Blocks | None]]:
    iin = material.methods["iin"]
    blocks = iin.factorisation.blocks
    codes: dict[str, tuple[Tensor, Blocks | None]] = {"iin": (iin.code, blocks)}
    if material.passing.shape[1]:
        codes[REMAINDER] = (material.passing, None)
    if len(blocks) > 1:
        codes[ALL] = (iin.code, None)
    return codes


def _whole(found: dict[str, Leakage]) -> Leakage:
    """Blocks, then the remainder, then the whole code; a code of one block is its own whole."""
    parts = [found["iin"].cells]
    if REMAINDER in found:
        parts.append(_renamed(found[REMAINDER], REMAINDER))
    parts.append(_renamed(found.get(ALL, found["iin"]), ALL))
    return Leakage(tuple(cell for cells in parts for cell in cells))


def _renamed(leakage: Leakage, block: str) -> tuple[LeakageCell, ...]:
    return tuple(replace(cell, block=block) for cell in leakage.cells)


def _layer_code(material: Material) -> Tensor:
    """The activations, or their first principal coordinates where they are wider than probes can be."""
    n, width = material.z.shape
    most = max(_MIN_PROBED, min(_MAX_PROBED, n // _ROWS_A_COORDINATE))
    if width <= most:
        return material.z
    mean, axes, deviations = frame(material.z)
    widest = deviations.argsort(descending=True)[:most]
    return ((material.z.double() - mean) @ axes[:, widest]).float()
