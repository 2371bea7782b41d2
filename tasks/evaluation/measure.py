"""Measures one unit: probes, interchange, information, prior fit, exactness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from iin_core.interpreter import Interpreter
from iin_core.metrics import Leakage, Score, identity_error, prior_fit
from iin_core.metrics.bootstrap import interval, source_means
from iin_core.spec import EvaluationSpec
from tasks.evaluation.foreign import concept_dependence
from tasks.evaluation.interchanges import Exchange, interchanged, prepare_exchange
from tasks.evaluation.material import Material
from tasks.evaluation.measured import Measured
from tasks.evaluation.more import More, measure_more, timed
from tasks.evaluation.network import Network
from tasks.evaluation.probes import probe_baselines
from tasks.evaluation.tables import LAYER, grouped

IDENTITY_ROWS = 512
"""Held-out rows on which f(x) and G(T⁻¹(T(E(x)))) are compared."""


@dataclass(frozen=True)
class Shared:
    """What is measured once for all units of a layer and concept set.

    Args:
        leakages: of the activations themselves, as method "layer", and of each baseline.
        exchange: of the baselines, with the pairs of all.
    """

    leakages: Mapping[str, Leakage]
    exchange: Exchange


def measure_shared(
    network: Network, material: Material, spec: EvaluationSpec, layer: Leakage, times: dict[str, float]
) -> Shared:
    """Measure what no seed of a unit changes.

    Args:
        network: the model at the layer.
        material: of any of the units.
        spec: what is asked for.
        layer: what probes read from the activations themselves, see `probe_layer`.
        times: gets the seconds of each part.
    """
    with timed("baseline_probes", times):
        leakages = {LAYER: layer, **probe_baselines(material, spec)}
    with timed("baseline_interchange", times):
        exchange = prepare_exchange(network, material, spec)
    return Shared(leakages, exchange)


def measure(
    network: Network,
    material: Material,
    interpreter: Interpreter,
    spec: EvaluationSpec,
    known: tuple[Leakage, Shared],
    times: dict[str, float],
) -> Measured:
    """Everything of one unit.

    Args:
        network: the unit's model at its layer.
        material: the unit's.
        interpreter: the unit's.
        spec: what is asked for.
        known: what probes read of the unit's code, and what it shares with others.
        times: gets the seconds of each part.
    """
    read, shared = known
    leakages = {"iin": read, **shared.leakages}
    with timed("interchange", times):
        swaps = interchanged(shared.exchange, network, material, spec)
    with timed("exactness", times):
        scores, why = _exactness(network, material, interpreter, spec)
    more = measure_more(material, spec, times) if spec.level == "full" else More()
    coded = material.methods["iin"]
    return Measured(
        leakages=leakages,
        information=grouped(leakages),
        interchanges=swaps,
        prior=prior_fit(coded.code, coded.factorisation.blocks, material.source, spec),
        scores={**scores, **_concepts(material), **more.scores},
        why={**why, **more.why},
        families=more.families,
        tables=more.tables,
    )


def _exactness(
    network: Network, material: Material, interpreter: Interpreter, spec: EvaluationSpec
) -> tuple[dict[str, Score], dict[str, str]]:
    nll = _nll(material, interpreter, spec)
    scores = {
        "score/nll_per_dim": nll,
        "train/nll_heldout": nll,
        # What went through T and back is in the material: as `invertibility_error` of the same rows.
        "score/invertibility_error": Score(identity_error(material.z, material.methods["iin"].back)),
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
