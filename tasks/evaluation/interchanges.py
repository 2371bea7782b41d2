"""Interchange of blocks in the running model, judged by every reader of its output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from iin_core.blocks import RESIDUAL
from iin_core.errors import InputError
from iin_core.metrics import Interchange, Score, interchange
from iin_core.metrics.bootstrap import interval, source_means
from iin_core.spec import EvaluationSpec
from tasks.evaluation.keys import READERS
from tasks.evaluation.material import Coded, Material, Pairs, draw_pairs
from tasks.evaluation.network import Network, Predictions, Reader


@dataclass(frozen=True)
class Interchanged:
    """All interchange results of a unit, or why there are none.

    Args:
        found: (method, reader) → cause, isolate, joint of the factors.
        ceilings: reader → accuracy on all it reads, on unedited outputs of the bases.
        why: reader → why it has no results.
        residual: (method, reader) → isolate of an exchange of the residual: the reader still says
            every concept of the base.
    """

    found: Mapping[tuple[str, str], Interchange]
    ceilings: Mapping[str, Score]
    why: Mapping[str, str]
    residual: Mapping[tuple[str, str], Score] = field(default_factory=dict)


Rows = NDArray[np.int64]
_RESIDUAL_SHARE = 4
_MISSING = {
    "head": "the model has no head that names a concept of the study",
    "reader": "the model has no decoder with an independent reader, and no `reader: {probe: ...}`",
}


@dataclass(frozen=True)
class Exchange:
    """What the exchanges of all units of a layer and concept set have in common.

    Base, donor and pairs are the same for all methods, blocks and readers; they differ in every concept.

    Args:
        readers: those that say something that is judged.
        truths: reader → concept → (n,) true classes of the held-out rows.
        pairs: of held-out rows.
        of_baselines: what the methods reach that no seed changes, the ceilings, and why there is nothing.
    """

    readers: tuple[Reader, ...]
    truths: Mapping[str, Predictions]
    pairs: Pairs
    of_baselines: Interchanged


def prepare_exchange(network: Network, material: Material, spec: EvaluationSpec) -> Exchange:
    """Draw the pairs, read the bases as they are, and swap every factor and the residual by each baseline."""
    nobody = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    reason = _no_reason_to_swap(network, material)
    why = {name: reason or _MISSING[name] for name in READERS}
    if reason or not network.readers:
        return Exchange((), {}, nobody, Interchanged({}, {}, why))
    trial = network.predictions(material.rows[:2])
    readers = tuple(reader for reader in network.readers if trial[reader.name])
    judged = [concept for reader in readers for concept in trial[reader.name]]
    try:
        pairs = draw_pairs(material, judged, spec.n_pairs, spec.seed)
    except InputError as error:
        return Exchange((), {}, nobody, Interchanged({}, {}, dict.fromkeys(READERS, error.what)))
    truths = {reader.name: reader.truth(material.table, material.columns) for reader in readers}
    ceilings = _ceilings(network, material, (readers, truths), pairs[0], spec)
    left = {name: text for name, text in why.items() if name not in ceilings}
    plain = Exchange(readers, truths, pairs, Interchanged({}, ceilings, left))
    return replace(plain, of_baselines=_add(plain, network, material, material.baselines, spec))


def interchanged(
    exchange: Exchange, network: Network, material: Material, spec: EvaluationSpec
) -> Interchanged:
    """Swap every factor and the residual by a unit's IIN, beside what the baselines reach."""
    return _add(exchange, network, material, {"iin": material.methods["iin"]}, spec)


def _add(
    exchange: Exchange,
    network: Network,
    material: Material,
    methods: Mapping[str, Coded],
    spec: EvaluationSpec,
) -> Interchanged:
    """What is known already, and what these methods reach, which come first in tables."""
    found, residual = {}, {}
    for method, coded in methods.items() if exchange.readers else ():
        swaps = _swaps(network, material, coded, exchange.pairs)
        for reader in exchange.readers:
            said = {block: swaps[block][reader.name] for block in swaps}
            alone = {RESIDUAL: said.pop(RESIDUAL)}
            truths, source = exchange.truths[reader.name], material.source
            found[method, reader.name] = interchange(said, truths, *exchange.pairs, source, spec)
            kept = interchange(alone, truths, *_of_residual(exchange.pairs), source, spec).isolate
            if kept is not None:
                residual[method, reader.name] = kept
    known = exchange.of_baselines
    return replace(known, found={**found, **known.found}, residual={**residual, **known.residual})


def swap_delta(coded: Coded, z: Tensor, pairs: Pairs, block: str) -> Tensor:
    """T⁻¹(z̃′) − T⁻¹(z̃) for pairs of held-out rows, (b, N)."""
    base, donor = pairs
    place = coded.factorisation.blocks[block]
    edited = coded.code[base]
    edited[:, place] = coded.code[donor, place]
    return coded.factorisation.decode(edited, like=z[base]) - coded.back[base]


def _no_reason_to_swap(network: Network, material: Material) -> str | None:
    if not material.factors:
        return "the concept set is empty: there is no factor to exchange"
    if not network.reading.editable:
        return f"not applicable: lossy; rows read by {network.reading.name!r} cannot be put back"
    return None


def _swaps(
    network: Network, material: Material, coded: Coded, pairs: Pairs
) -> dict[str, dict[str, Predictions]]:
    """Block → reader → concept → (n,) what is said after the exchange."""
    said = {}
    for block in (*material.factors, RESIDUAL):
        if block not in coded.factorisation.blocks:
            continue
        base, donor = _of_residual(pairs) if block == RESIDUAL else pairs

        def delta(part: slice, block: str = block, base: Rows = base, donor: Rows = donor) -> Tensor:
            return swap_delta(coded, material.z, (base[part], donor[part]), block)

        said[block] = network.predictions(material.rows[base], delta)
    return said


def _of_residual(pairs: Pairs) -> Pairs:
    """The first of the pairs: what its exchange keeps is known well enough from a quarter of them."""
    base, donor = pairs
    n = -(-len(base) // _RESIDUAL_SHARE)
    return base[:n], donor[:n]


def _ceilings(
    network: Network,
    material: Material,
    judges: tuple[Sequence[Reader], Mapping[str, Predictions]],
    base: NDArray[np.int64],
    spec: EvaluationSpec,
) -> dict[str, Score]:
    readers, truths = judges
    used, place = np.unique(base, return_inverse=True)
    plain = network.predictions(material.rows[used])
    source = material.source[base]
    found = {}
    for reader in readers:
        truth = truths[reader.name]
        right = [said[place] == truth[concept][base] for concept, said in plain[reader.name].items()]
        all_right = np.all(right, axis=0).astype(np.float64)[:, None]
        draws = source_means(all_right, source, np.zeros(len(base)), draws=spec.bootstrap, seed=spec.seed)
        low, high = interval(draws[:, 0])
        found[reader.name] = Score(float(all_right.mean()), low=low, high=high, n=len(base))
    return found
