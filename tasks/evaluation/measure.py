"""Measures one unit: probes, interchange, information, prior fit, exactness."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from iin_core.blocks import Blocks
from iin_core.front import fit_front
from iin_core.interpreter import Interpreter
from iin_core.metrics import Leakage, identity_error, invertibility_error, leakages, prior_fit
from iin_core.metrics.leakage import ALL
from iin_core.spec import EvaluationSpec, FlowSpec
from tasks.evaluation.interchanges import interchanged
from tasks.evaluation.material import Material
from tasks.evaluation.network import Network
from tasks.evaluation.tables import LAYER, Measured, grouped

IDENTITY_ROWS = 512
"""Held-out rows on which f(x) and G(T⁻¹(T(E(x)))) are compared."""
_MAX_PROBED = 256
_ROWS_A_COORDINATE, _MIN_PROBED = 10, 16
"""Probes need rows for each coordinate: of as many whitened directions as rows nothing can be read."""
_log = logging.getLogger("tasks.evaluate")


def measure(
    network: Network, material: Material, interpreter: Interpreter, spec: EvaluationSpec
) -> tuple[Measured, dict[str, float]]:
    """Everything of one unit.

    Returns:
        what was measured, and the seconds that each part took.
    """
    times: dict[str, float] = {}
    with _timed("probes", times):
        probed = probe(material, spec)
    with _timed("interchange", times):
        swaps = interchanged(network, material, spec)
    with _timed("exactness", times):
        numbers, why = _exactness(network, material, interpreter)
    coded = material.methods["iin"]
    prior = prior_fit(coded.code, coded.factorisation.blocks)
    return Measured(probed, grouped(probed), swaps, prior, numbers, why), times


def probe(material: Material, spec: EvaluationSpec) -> dict[str, Leakage]:
    """Method → leakage matrix.

    The IIN's blocks, its whole code and the activations themselves are probed for every concept of
    the study; the baselines' blocks for the unit's own labels.
    """
    coded = material.methods["iin"]
    codes: dict[str, tuple[Tensor, Blocks | None]] = {
        "iin": (coded.code, coded.factorisation.blocks),
        LAYER: (_layer_code(material), None),
    }
    several = len(coded.factorisation.blocks) > 1
    if several:
        codes[ALL] = (coded.code, None)
    found = leakages(codes, material.probed, material.source, spec)
    if several:
        whole = found.pop(ALL).cells
    else:
        whole = tuple(replace(cell, block=ALL) for cell in found["iin"].cells)
    found["iin"] = Leakage(found["iin"].cells + whole)
    own = {name: material.probed[name] for name in material.labelled}
    linear = {
        name: (baseline.code, baseline.factorisation.blocks)
        for name, baseline in material.methods.items()
        if name != "iin"
    }
    return {**found, **(leakages(linear, own, material.source, spec) if linear else {})}


def _layer_code(material: Material) -> Tensor:
    """The activations, or their first principal coordinates where they are wider than probes can be."""
    n, width = material.z.shape
    most = max(_MIN_PROBED, min(_MAX_PROBED, n // _ROWS_A_COORDINATE))
    if width <= most:
        return material.z
    return fit_front(material.z, FlowSpec(front_dims=most)).apply(material.z)


def _exactness(
    network: Network, material: Material, interpreter: Interpreter
) -> tuple[dict[str, float], dict[str, str]]:
    with torch.no_grad():
        nll = float(interpreter.nll_per_dim(material.z).double().mean())
    numbers = {
        "score/nll_per_dim": nll,
        "train/nll_heldout": nll,
        "score/invertibility_error": invertibility_error(interpreter, material.z),
    }
    if not network.reading.editable:
        name = network.reading.name
        return numbers, {"score/identity_error": f"not applicable: lossy; {name!r} cannot be put back"}
    numbers["score/identity_error"] = _identity(network, material)
    return numbers, {}


def _identity(network: Network, material: Material) -> float:
    n = min(IDENTITY_ROWS, len(material.z))
    chosen = np.sort(np.random.default_rng(0).permutation(len(material.z))[:n])
    rows = material.rows[chosen]
    change = material.methods["iin"].back[chosen] - material.z[chosen]
    through = network.outputs(rows, lambda part: change[part])
    pairs = zip(network.outputs(rows), through, strict=True)
    return max(
        identity_error(part, moved)
        for plain, edited in pairs
        for part, moved in zip(_tensors(plain), _tensors(edited), strict=True)
    )


def _tensors(output: object) -> list[Tensor]:
    if isinstance(output, Tensor):
        return [output]
    if isinstance(output, Mapping):
        output = list(output.values())
    if isinstance(output, (list, tuple)):
        return [tensor for part in output for tensor in _tensors(part)]
    return []


@contextmanager
def _timed(name: str, times: dict[str, float]) -> Iterator[None]:
    start = time.monotonic()
    yield
    times[name] = time.monotonic() - start
    _log.debug("%s took %.1f s", name, times[name])
