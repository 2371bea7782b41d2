"""Measures one unit: probes, interchange, information, prior fit, exactness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from iin_core.baselines.linear import frame
from iin_core.blocks import Blocks
from iin_core.interpreter import Interpreter
from iin_core.metrics import (
    Leakage,
    LeakageCell,
    Score,
    identity_error,
    invertibility_error,
    leakages,
    prior_fit,
)
from iin_core.metrics.bootstrap import interval, source_means
from iin_core.metrics.leakage import ALL
from iin_core.spec import EvaluationSpec
from tasks.evaluation.foreign import concept_dependence
from tasks.evaluation.interchanges import interchanged
from tasks.evaluation.material import Material
from tasks.evaluation.measured import Measured
from tasks.evaluation.more import More, measure_more, timed
from tasks.evaluation.network import Network
from tasks.evaluation.tables import LAYER, REMAINDER, grouped

IDENTITY_ROWS = 512
"""Held-out rows on which f(x) and G(T⁻¹(T(E(x)))) are compared."""
_MAX_PROBED = 256
_ROWS_A_COORDINATE, _MIN_PROBED = 10, 16
"""Probes need rows for each coordinate: of as many whitened directions as rows nothing can be read."""


def measure(
    network: Network, material: Material, interpreter: Interpreter, spec: EvaluationSpec, layer: Leakage
) -> tuple[Measured, dict[str, float]]:
    """Everything of one unit.

    Args:
        network: the unit's model at its layer.
        material: the unit's.
        interpreter: the unit's.
        spec: what is asked for.
        layer: what probes read from the activations themselves, see `probe_layer`.

    Returns:
        what was measured, and the seconds that each part took.
    """
    times: dict[str, float] = {}
    with timed("probes", times):
        leakages = probe(material, spec, layer)
    with timed("interchange", times):
        swaps = interchanged(network, material, spec)
    with timed("exactness", times):
        scores, why = _exactness(network, material, interpreter, spec)
    more = More()
    if spec.level == "full":
        more = measure_more(material, spec, times)
    coded = material.methods["iin"]
    measured = Measured(
        leakages=leakages,
        information=grouped(leakages),
        interchanges=swaps,
        prior=prior_fit(coded.code, coded.factorisation.blocks, material.source, spec),
        scores={**scores, **_concepts(material), **more.scores},
        why={**why, **more.why},
        families=more.families,
        tables=more.tables,
    )
    return measured, times


def probe(material: Material, spec: EvaluationSpec, layer: Leakage) -> dict[str, Leakage]:
    """Method → leakage matrix.

    The IIN's blocks, its whole code and what passes by its flow are probed for every concept of the
    study; the baselines' blocks for the unit's own labels.
    """
    coded = material.methods["iin"]
    codes: dict[str, tuple[Tensor, Blocks | None]] = {"iin": (coded.code, coded.factorisation.blocks)}
    if material.passing.shape[1]:
        codes[REMAINDER] = (material.passing, None)
    several = len(coded.factorisation.blocks) > 1
    if several:
        codes[ALL] = (coded.code, None)
    # Fitting on shuffled labels too costs as much again; without it they are shuffled afterwards.
    shuffles = 0 if spec.level == "default" else 1
    found = leakages(codes, material.probed, material.source, spec, shuffles=shuffles)
    parts = [found["iin"].cells]
    if REMAINDER in found:
        parts.append(_renamed(found.pop(REMAINDER), REMAINDER))
    parts.append(_renamed(found.pop(ALL) if several else found["iin"], ALL))
    found["iin"] = Leakage(tuple(cell for cells in parts for cell in cells))
    own = {name: material.probed[name] for name in material.labelled}
    linear = {
        name: (baseline.code, baseline.factorisation.blocks)
        for name, baseline in material.methods.items()
        if name != "iin"
    }
    read = leakages(linear, own, material.source, spec, shuffles=0) if linear else {}
    return {**found, LAYER: layer, **read}


def probe_layer(material: Material, spec: EvaluationSpec) -> Leakage:
    """What probes read of every concept of the study from the activations themselves."""
    codes = {LAYER: (_layer_code(material), None)}
    return leakages(codes, material.probed, material.source, spec, shuffles=0)[LAYER]


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


def _exactness(
    network: Network, material: Material, interpreter: Interpreter, spec: EvaluationSpec
) -> tuple[dict[str, Score], dict[str, str]]:
    nll = _nll(material, interpreter, spec)
    scores = {
        "score/nll_per_dim": nll,
        "train/nll_heldout": nll,
        "score/invertibility_error": Score(invertibility_error(interpreter, material.z)),
    }
    if not network.reading.editable:
        name = network.reading.name
        return scores, {"score/identity_error": f"not applicable: lossy; {name!r} cannot be put back"}
    return {**scores, "score/identity_error": Score(_identity(network, material))}, {}


def _concepts(material: Material) -> dict[str, Score]:
    """How much the unit's own concepts depend on one another in the data: what leaks without a fault."""
    known = concept_dependence(material)
    own = [value for names, value in known.items() if names <= set(material.factors)]
    return {"concepts/dependence": Score(max(own), n=len(material.rows))} if own else {}


def _nll(material: Material, interpreter: Interpreter, spec: EvaluationSpec) -> Score:
    with torch.no_grad():
        rows = interpreter.nll_per_dim(material.z).double().numpy()
    strata = np.zeros(len(rows))
    draws = source_means(rows[:, None], material.source, strata, draws=spec.bootstrap, seed=spec.seed)
    low, high = interval(draws[:, 0])
    return Score(float(rows.mean()), low=low, high=high, n=len(rows))


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
