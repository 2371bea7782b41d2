"""Probe leakage: which block tells which concept to a reader that never saw the source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from iin_core.blocks import Blocks
from iin_core.errors import InputError
from iin_core.metrics.labels import probe_labels
from iin_core.metrics.leakage_matrix import ALL, Leakage, LeakageCell
from iin_core.metrics.probe_rows import cross_fit, fitted_elsewhere
from iin_core.metrics.probing import probe_codes
from iin_core.metrics.whiten import whiten
from iin_core.spec import EvaluationSpec

__all__ = ["ALL", "FitRows", "Leakage", "LeakageCell", "leakage", "leakages"]

Codes = Mapping[str, tuple[ArrayLike | Tensor, Blocks | None]]
_DEFAULT = EvaluationSpec()


@dataclass(frozen=True)
class FitRows:
    """Other rows for probes to be fitted on, such as the flow's own training rows.

    Args:
        codes: the names of the codes that are read → (m, d) codes of these rows.
        concepts: the names of the concepts that are read → (m,) labels.
        source: (m,), none of them a source of the rows read.
    """

    codes: Mapping[str, ArrayLike | Tensor]
    concepts: Mapping[str, ArrayLike]
    source: ArrayLike


def leakage(
    z_tilde: ArrayLike | Tensor,
    blocks: Blocks,
    concepts: Mapping[str, ArrayLike],
    source: ArrayLike,
    spec: EvaluationSpec = _DEFAULT,
) -> Leakage:
    """A[block, concept]: how well probes read each concept from each block, and from the whole code.

    Probes are cross-fit on held-out sources: fitted on half of them, read on the other half, mean
    of both directions (with more `folds`: fitted on all of them but one, mean over all). Blocks are
    whitened first, so that an invertible linear map of a block changes nothing. Beside each accuracy
    stand the majority's share (chance), the same statistic of probes fitted on labels shuffled over
    sources (control, see `shuffle_over_sources`), its 95 % quantile under shuffled labels
    (control_high) and the 95 % interval over resampled sources.
    V-information is 1 − CE / H(concept) with the CE on the rows read.

    The quantile is that of the accuracy of what the probes say, those fitted on the labels and
    those fitted on shuffled ones, against labels that are shuffled again `permutations` times.

    Args:
        z_tilde: (n, d) codes of *held-out* rows: rows that T was fitted on flatter it.
        blocks: the layout of z̃.
        concepts: name → (n,) labels. Floating-point numbers are read as numeric concepts and
            binned into quintiles; their name in the result ends in " (quintile)". Rows without a
            label (None, NaN, NA) are left out; each score's `n` counts those read.
        source: (n,) source of each row.
        spec: `probes`, `folds`, `seed`, `bootstrap` and `permutations` are used.

    Raises:
        InputError: fewer than four sources or than folds, a concept without two labels or without
            labels on one side, codes that are not finite.

    Source: Xu et al., "A theory of usable information under computational constraints" (ICLR 2020)
        for V-information; the matrix over blocks is ours.
    """
    found = leakages({"blocks": (z_tilde, blocks), ALL: (z_tilde, None)}, concepts, source, spec)
    return Leakage(found["blocks"].cells + found[ALL].cells)


def leakages(
    codes: Codes,
    concepts: Mapping[str, ArrayLike],
    source: ArrayLike,
    spec: EvaluationSpec = _DEFAULT,
    *,
    fit_on: FitRows | None = None,
    shuffles: int = 1,
) -> dict[str, Leakage]:
    """`leakage` of several codes of the same rows (methods, units), their probes trained in one program.

    Args:
        codes: name → (z̃ (n, d), its blocks); with None the whole code is probed, as block "all".
        concepts: as `leakage` takes them.
        source: (n,).
        spec: as `leakage` takes it.
        fit_on: rows that probes are fitted on in place of cross-fitting; all rows given before are
            then read in one direction. Fitted on rows that T was fitted on, they flatter it.
        shuffles: how many times probes are also fitted on shuffled labels, for the control; each
            costs as much as the probes themselves. With 0 the control is what the probes say against
            labels shuffled afterwards.
    """
    n = len(np.asarray(source))
    if fit_on is None:
        rows = cross_fit(source, seed=spec.seed, parts=spec.folds)
    else:
        rows = fitted_elsewhere(fit_on.source, source, seed=spec.seed)
        codes = {name: (_stacked(fit_on.codes[name], code), blocks) for name, (code, blocks) in codes.items()}
        concepts = {name: _joined(fit_on.concepts[name], values) for name, values in concepts.items()}
    labels = {name: probe_labels(name, values, read=slice(-n, None)) for name, values in concepts.items()}
    parts = [
        (method, block, whiten(part))
        for method, (code, blocks) in codes.items()
        for block, part in _parts(code, blocks)
    ]
    readings = probe_codes([part for *_, part in parts], list(labels.values()), rows, spec, shuffles=shuffles)
    cells: dict[str, list[LeakageCell]] = {method: [] for method in codes}
    for probe in spec.probes:
        for i, (method, block, _) in enumerate(parts):
            for j, (concept, label) in enumerate(labels.items()):
                which = (probe, block, label.name, block == concept)
                cells[method].append(LeakageCell.of(which, readings[probe, i, j]))
    return {method: Leakage(tuple(found)) for method, found in cells.items()}


def _stacked(first: ArrayLike | Tensor, second: ArrayLike | Tensor) -> Tensor:
    return torch.cat([torch.as_tensor(part, dtype=torch.float32) for part in (first, second)])


def _joined(first: ArrayLike, second: ArrayLike) -> ArrayLike:
    return np.concatenate([np.asarray(first), np.asarray(second)])


def _parts(code: ArrayLike | Tensor, blocks: Blocks | None) -> list[tuple[str, Tensor]]:
    z_tilde = torch.as_tensor(code, dtype=torch.float32)
    finite = torch.isfinite(z_tilde).all(1)
    if not bool(finite.all()):
        bad = torch.nonzero(~finite).flatten()
        raise InputError(
            f"{len(bad)} rows of the code are not finite.",
            where=f"rows {bad[:5].tolist()}",
            fix="look at the activations of these rows, and at the training curve",
        )
    if blocks is None:
        return [(ALL, z_tilde)]
    return [(name, z_tilde[:, place]) for name, place in blocks.items()]
