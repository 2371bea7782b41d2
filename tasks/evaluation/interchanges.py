"""Interchange of blocks in the running model, judged by every reader of its output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from iin_core.errors import InputError
from iin_core.metrics import Interchange, interchange, interchange_pairs, reading_accuracy
from iin_core.spec import EvaluationSpec
from tasks.evaluation.material import Coded, Material, must_differ
from tasks.evaluation.network import Network, Predictions, Reader


@dataclass(frozen=True)
class Interchanged:
    """All interchange results of a unit, or why there are none.

    Args:
        found: (method, reader) → cause, isolate, joint.
        ceilings: reader → accuracy on all it reads, on unedited outputs of the bases.
        why: reader → why it has no results.
    """

    found: Mapping[tuple[str, str], Interchange]
    ceilings: Mapping[str, float]
    why: Mapping[str, str]


READERS = ("head", "reader")
_MISSING = {
    "head": "the model has no head that names a concept of the study",
    "reader": "the model has no decoder with an independent reader",
}


def interchanged(network: Network, material: Material, spec: EvaluationSpec) -> Interchanged:
    """Swap every factor, by the IIN and by each baseline, in pairs that differ in every concept.

    Base, donor and pairs are the same for all methods, factors and readers.
    """
    reason = _no_reason_to_swap(network, material)
    why = {name: reason or _MISSING[name] for name in READERS}
    if reason or not network.readers:
        return Interchanged({}, {}, why)
    trial = network.predictions(material.rows[:2])
    readers = [reader for reader in network.readers if trial[reader.name]]
    judged = [concept for reader in readers for concept in trial[reader.name]]
    try:
        base, donor = interchange_pairs(must_differ(material, judged), spec.pairs, spec.seed)
    except InputError as error:
        return Interchanged({}, {}, dict.fromkeys(READERS, error.what))
    truths = {reader.name: reader.truth(material.table, material.columns) for reader in readers}
    found = {}
    for method, coded in material.methods.items():
        swaps = _swaps(network, material, coded, (base, donor))
        for reader in readers:
            said = {factor: swaps[factor][reader.name] for factor in swaps}
            truth = truths[reader.name]
            found[method, reader.name] = interchange(said, truth, base, donor, material.source, spec)
    ceilings = _ceilings(network, material, readers, truths, base)
    return Interchanged(found, ceilings, {name: text for name, text in why.items() if name not in ceilings})


def swap_delta(
    coded: Coded, z: Tensor, pairs: tuple[NDArray[np.int64], NDArray[np.int64]], factor: str
) -> Tensor:
    """T⁻¹(z̃′) − T⁻¹(z̃) for pairs of held-out rows, (b, N)."""
    base, donor = pairs
    place = coded.factorisation.blocks[factor]
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
    network: Network,
    material: Material,
    coded: Coded,
    pairs: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> dict[str, dict[str, Predictions]]:
    """Factor → reader → concept → (n,) what is said after the exchange."""
    base, donor = pairs
    said = {}
    for factor in material.factors:
        if factor not in coded.factorisation.blocks:
            continue

        def delta(part: slice, factor: str = factor) -> Tensor:
            return swap_delta(coded, material.z, (base[part], donor[part]), factor)

        said[factor] = network.predictions(material.rows[base], delta)
    return said


def _ceilings(
    network: Network,
    material: Material,
    readers: list[Reader],
    truths: Mapping[str, Predictions],
    base: NDArray[np.int64],
) -> dict[str, float]:
    used, place = np.unique(base, return_inverse=True)
    plain = network.predictions(material.rows[used])
    return {
        reader.name: reading_accuracy(
            {concept: said[place] for concept, said in plain[reader.name].items()}, truths[reader.name], base
        )
        for reader in readers
    }
