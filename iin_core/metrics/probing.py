"""Runs all probes of several codes: codes × labels × {real, shuffled} × folds, stacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iin_core.errors import InputError
from iin_core.metrics.bootstrap import interval, source_means
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
        losses: (1 + shuffles, n) nats, NaN likewise.
    """

    said: NDArray[np.int64]
    right: NDArray[np.float64]
    losses: NDArray[np.float64]


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
        shuffles: controls fitted on shuffled labels; each costs as much as the real probes.

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
    readings: dict[tuple[str, int, int], Reading] = {}
    for members, stack in stacks(codes, targets, rows.folds):
        for family in spec.probes:
            log_probs = FAMILIES[family](stack, seed=spec.seed)[:, :, rows.read]
            judged = _judge(log_probs, stack.targets[:, rows.read], family)
            for row, code in enumerate(members):
                for i, label in enumerate(labels):
                    part = slice(i * (1 + shuffles), (i + 1) * (1 + shuffles))
                    mine = _Judged(*(values[row, part] for values in judged))
                    readings[family, code, i] = _reading(mine, null[i], label.at(rows.read), rows, spec)
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


def _judge(
    log_probs: Tensor, targets: Tensor, family: str
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Class said, right (0 or 1) and CE of each row, all (inputs, targets, n); NaN without a label."""
    truth = targets.expand(len(log_probs), -1, -1)
    said = log_probs.argmax(3)
    losses = -log_probs.gather(3, truth.clamp_min(0)[..., None]).squeeze(3).double()
    right = (said == truth).double()
    if family in WITHOUT_PROBABILITIES:
        losses = torch.full_like(losses, torch.nan)
    right, losses = (values.masked_fill(truth < 0, torch.nan) for values in (right, losses))
    return said.numpy(), right.numpy(), losses.numpy()


def _reading(
    judged: _Judged, null: NDArray[np.int64], label: ProbeLabels, rows: ProbeRows, spec: EvaluationSpec
) -> Reading:
    """One reading; all arguments hold the rows read only."""
    side, source = rows.side[rows.read], rows.source[rows.read]
    both = np.stack([judged.right[0], judged.losses[0]], 1)
    samples, ce_samples = source_means(both, source, side, draws=spec.bootstrap, seed=spec.seed).T
    v_samples = np.maximum(1 - ce_samples / label.entropy, 0)
    shuffled = np.concatenate([accuracies(said, null, side) for said in judged.said])
    (low, high), (v_low, v_high) = interval(samples), interval(v_samples)
    n = int(label.known.sum())
    accuracy = Score(
        value=_both_ways(judged.right[0], side),
        chance=float(label.shares.max()),
        control=_mean([_both_ways(values, side) for values in judged.right[1:]]),
        low=low,
        high=high,
        n=n,
        control_high=float(np.nanquantile(shuffled, QUANTILE)),
    )
    losses = [_both_ways(values, side) for values in judged.losses]
    told, *untold = (float(np.maximum(1 - loss / label.entropy, 0)) for loss in losses)
    v = Score(told, chance=0.0, control=_mean(untold), low=v_low, high=v_high, n=n)
    return Reading(accuracy, v, samples, v_samples, shuffled, losses[0], ce_samples)


def _both_ways(values: NDArray[np.float64], side: NDArray[np.int64]) -> float:
    """Mean over directions of the mean over rows with a value; NaN where a direction has none."""
    ways = [values[side == way] for way in np.unique(side)]
    return float(np.mean([way[~np.isnan(way)].mean() if (~np.isnan(way)).any() else np.nan for way in ways]))


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
