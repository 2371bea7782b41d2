"""Runs all probes of several codes: codes × labels × {real, shuffled} × folds, stacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iin_core.errors import InputError
from iin_core.metrics.bootstrap import Resampling, interval
from iin_core.metrics.folds import shuffle_over_sources
from iin_core.metrics.labels import ProbeLabels
from iin_core.metrics.probe_families import FAMILIES, WITHOUT_PROBABILITIES
from iin_core.metrics.probe_inputs import stacks
from iin_core.metrics.probe_rows import ProbeRows
from iin_core.metrics.score import Score
from iin_core.metrics.shuffled import QUANTILE, accuracies, shuffled_labels
from iin_core.spec import EvaluationSpec


@dataclass(frozen=True)
class Reading:
    """What one probe family reads of one concept from one code.

    Args:
        accuracy: with chance (majority share), control (shuffled labels) and interval.
        v: 1 − CE / H, clipped at 0, with the same beside it; NaN where the family names classes only.
        samples: (draws,) the accuracy under resampled sources, the same draws for all readings.
        v_samples: (draws,) V under the same.
        null: (draws,) the accuracy against labels shuffled over sources.
        loss: CE, nats, on the rows read.
        losses: (draws,) the same under resampled sources.
    """

    accuracy: Score
    v: Score
    samples: NDArray[np.float64]
    v_samples: NDArray[np.float64]
    null: NDArray[np.float64]
    loss: float
    losses: NDArray[np.float64]


@dataclass(frozen=True)
class _Judged:
    """What the probes of one family say of one concept from one code; the truth comes first.

    Args:
        said: (1 + shuffles, n) classes.
        right: (1 + shuffles, n) 0 or 1, NaN where a row has no label.
        losses: (1 + shuffles, n) nats, NaN likewise; without shuffles a second one is that of the
            real probe against shuffled labels.
    """

    said: NDArray[np.int64]
    right: NDArray[np.float64]
    losses: NDArray[np.float64]

    def unsure(self) -> _Judged:
        """The same without losses, of a family that names classes only."""
        return replace(self, losses=np.full_like(self.losses, np.nan))


def probe_codes(
    codes: Sequence[Tensor],
    labels: Sequence[ProbeLabels],
    rows: ProbeRows,
    spec: EvaluationSpec,
    *,
    shuffles: int = 1,
) -> dict[tuple[str, int, int], Reading]:
    """Every probe family × code × concept, trained in one program for each family.

    Args:
        codes: whitened codes (n, d) of the same rows.
        labels: the concepts.
        rows: who is fitted on what, and reads what.
        spec: `probes`, `seed`, `bootstrap`, `permutations`.
        shuffles: probes fitted on shuffled labels, for the control; each costs as much as the real
            ones. Without any, the control is what the real probes say against shuffled labels.

    Returns:
        (family, position in codes, position in labels) → what was read.

    Raises:
        InputError: a direction has no label of a concept to fit on or to read.
    """
    for label in labels:
        _check_labels(label, rows)
    targets = []
    for label in labels:
        every = [label.classes, *(_shuffled(label, rows, spec.seed + i) for i in range(shuffles))]
        targets += [(torch.from_numpy(classes), label.n_classes) for classes in every]
    null = shuffled_labels(labels, rows, draws=spec.permutations, seed=spec.seed)
    resampling = Resampling(
        rows.source[rows.read], rows.side[rows.read], draws=spec.bootstrap, seed=spec.seed
    )
    parts = [slice(i * (1 + shuffles), (i + 1) * (1 + shuffles)) for i in range(len(labels))]
    read = [label.at(rows.read) for label in labels]
    readings: dict[tuple[str, int, int], Reading] = {}
    for members, stack in stacks(codes, targets, rows.folds):
        for family in spec.probes:
            log_probs = FAMILIES[family](stack, seed=spec.seed)[:, :, rows.read]
            for row, code in enumerate(members):
                judged = [
                    _judge(log_probs[row, part], stack.targets[part, rows.read], null[i])
                    for i, part in enumerate(parts)
                ]
                if family in WITHOUT_PROBABILITIES:
                    judged = [found.unsure() for found in judged]
                # One code at a time: products of matrices of another width differ in their rounding.
                for i, samples in enumerate(_resampled(judged, resampling)):
                    readings[family, code, i] = _reading(judged[i], null[i], read[i], rows, samples)
    return readings


def _check_labels(label: ProbeLabels, rows: ProbeRows) -> None:
    for fold in rows.folds:
        for place, part in (("to fit probes on", fold.train), ("to read", fold.read)):
            if not label.known[part].any():
                raise InputError(
                    f"Concept {label.name!r} has no labels in the rows {place}.",
                    where=f"{int(label.known.sum())} of {len(label.known)} rows have a label",
                    fix="give labels of more sources, or leave the concept out",
                )


def _shuffled(label: ProbeLabels, rows: ProbeRows, seed: int) -> NDArray[np.int64]:
    return shuffle_over_sources(label.classes, rows.source, seed=seed)


def _judge(log_probs: Tensor, targets: Tensor, null: NDArray[np.int16]) -> _Judged:
    """What (1 + shuffles) probes say of the rows read."""
    said = log_probs.argmax(2)
    right = (said == targets).double().masked_fill(targets < 0, torch.nan)
    losses = _losses(log_probs, targets)
    if len(targets) == 1:
        losses = torch.cat([losses, _losses(log_probs, torch.from_numpy(null[:1].astype(np.int64)))])
    return _Judged(said.numpy(), right.numpy(), losses.numpy())


def _losses(log_probs: Tensor, targets: Tensor) -> Tensor:
    """CE of each row, nats, (…, n); NaN without a label."""
    losses = -log_probs.gather(2, targets.clamp_min(0)[..., None]).squeeze(2).double()
    return losses.masked_fill(targets < 0, torch.nan)


def _resampled(judged: Sequence[_Judged], resampling: Resampling) -> NDArray[np.float64]:
    """(readings, 2, draws) accuracy and CE of the real probes under the same resampled sources."""
    both = np.stack([part for found in judged for part in (found.right[0], found.losses[0])], 1)
    return resampling.means(both).T.reshape(len(judged), 2, -1)


def _reading(
    judged: _Judged,
    null: NDArray[np.int16],
    label: ProbeLabels,
    rows: ProbeRows,
    resampled: NDArray[np.float64],
) -> Reading:
    """One reading; labels hold the rows read only."""
    side = rows.side[rows.read]
    samples, ce_samples = resampled
    v_samples = np.maximum(1 - ce_samples / label.entropy, 0)
    shuffled = np.concatenate([accuracies(said, null, side) for said in judged.said])
    (low, high), (v_low, v_high) = interval(samples), interval(v_samples)
    n = int(label.known.sum())
    accuracy = Score(
        value=_both_ways(judged.right[0], side),
        chance=float(label.shares.max()),
        control=_mean([_both_ways(values, side) for values in judged.right[1:]], otherwise=shuffled),
        low=low,
        high=high,
        n=n,
        control_high=float(np.nanquantile(shuffled, QUANTILE)),
    )
    losses = [_both_ways(values, side) for values in judged.losses]
    told, *untold = (float(np.maximum(1 - loss / label.entropy, 0)) for loss in losses)
    v = Score(told, chance=0.0, control=float(np.mean(untold)), low=v_low, high=v_high, n=n)
    return Reading(accuracy, v, samples, v_samples, shuffled, losses[0], ce_samples)


def _both_ways(values: NDArray[np.float64], side: NDArray[np.int64]) -> float:
    """Mean over directions of the mean over rows with a value; NaN where a direction has none."""
    ways = [values[side == way] for way in np.unique(side)]
    return float(np.mean([way[~np.isnan(way)].mean() if (~np.isnan(way)).any() else np.nan for way in ways]))


def _mean(values: list[float], *, otherwise: NDArray[np.float64]) -> float:
    return float(np.mean(values) if values else np.nanmean(otherwise))
