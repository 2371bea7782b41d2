"""Runs all probes of several codes: codes × labels × {real, shuffled} × folds, stacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from iin_core.errors import InputError
from iin_core.metrics.bootstrap import interval, source_means
from iin_core.metrics.folds import half_split, shuffle_over_sources
from iin_core.metrics.probe_inputs import stacks
from iin_core.metrics.probe_linear import linear_probes
from iin_core.metrics.probe_mlp import mlp_probes
from iin_core.metrics.quintiles import quintiles
from iin_core.metrics.score import Score
from iin_core.spec import EvaluationSpec

_FAMILIES = {"linear": linear_probes, "mlp": mlp_probes}


@dataclass(frozen=True)
class ProbeLabels:
    """A concept as probes read it.

    Args:
        name: the concept's name, with " (quintile)" where it is a binned number.
        classes: (n,) class indices.
    """

    name: str
    classes: NDArray[np.int64]

    @property
    def shares(self) -> NDArray[np.float64]:
        """The share of each class."""
        return np.bincount(self.classes) / len(self.classes)

    @property
    def entropy(self) -> float:
        """H of the labels, nats."""
        shares = self.shares
        return float(-(shares * np.log(shares)).sum())


@dataclass(frozen=True)
class Reading:
    """What one probe family reads of one concept from one code.

    Args:
        accuracy: with chance (majority share), control (shuffled labels) and interval.
        v: 1 − CE / H, clipped at 0, with the same beside it.
        samples: (draws,) the accuracy under resampled sources, the same draws for all readings.
        v_samples: (draws,) V under the same.
    """

    accuracy: Score
    v: Score
    samples: NDArray[np.float64]
    v_samples: NDArray[np.float64]


def probe_labels(name: str, values: ArrayLike) -> ProbeLabels:
    """Labels as class indices; floating-point numbers are binned into quintiles.

    Raises:
        InputError: a label is missing, or all are the same.
    """
    array = np.asarray(values)
    numeric = array.dtype.kind == "f"
    classes, names = pd.factorize(quintiles(array) if numeric else array)
    if (classes < 0).any():
        raise InputError(
            f"{(classes < 0).sum()} labels of concept {name!r} are missing.",
            where=f"rows {np.flatnonzero(classes < 0)[:5].tolist()}",
            fix="drop these rows or give them a label",
        )
    if len(names) < 2:
        raise InputError(
            f"Concept {name!r} has one value only; nothing can be read of it.",
            where=f"{len(array)} rows",
            fix="leave it out, or give rows that differ in it",
        )
    return ProbeLabels(f"{name} (quintile)" if numeric else name, classes.astype(np.int64))


def probe_codes(
    codes: Sequence[Tensor], labels: Sequence[ProbeLabels], source: ArrayLike, spec: EvaluationSpec
) -> dict[tuple[str, int, int], Reading]:
    """Every probe family × code × concept, trained in one program for each family.

    Args:
        codes: whitened codes (n, d) of the same rows.
        labels: the concepts.
        source: (n,) source of each row.
        spec: `probes`, `seed`, `bootstrap`.

    Returns:
        (family, position in codes, position in labels) → what was read.
    """
    folds = half_split(source, seed=spec.seed)
    side = np.zeros(len(np.asarray(source)), dtype=np.int64)
    side[folds[0].read] = 1
    targets = []
    for label in labels:
        shuffled = shuffle_over_sources(label.classes, source, seed=spec.seed)
        targets += [(torch.from_numpy(c), len(label.shares)) for c in (label.classes, shuffled)]
    readings: dict[tuple[str, int, int], Reading] = {}
    for members, stack in stacks(codes, targets, folds):
        for family in spec.probes:
            log_probs = _FAMILIES[family](stack, seed=spec.seed)
            right, losses = _judge(log_probs, stack.targets)
            for row, code in enumerate(members):
                scores = _scores(right[row], losses[row], (source, side), labels, spec)
                readings.update({(family, code, i): reading for i, reading in enumerate(scores)})
    return readings


def _judge(log_probs: Tensor, targets: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Right (0 or 1) and CE of each row, both (inputs, targets, n)."""
    truth = targets.expand(len(log_probs), -1, -1)
    right = log_probs.argmax(3) == truth
    losses = -log_probs.gather(3, truth[..., None]).squeeze(3)
    return right.double().numpy(), losses.double().numpy()


def _scores(
    right: NDArray[np.float64],
    losses: NDArray[np.float64],
    groups: tuple[ArrayLike, NDArray[np.int64]],
    labels: Sequence[ProbeLabels],
    spec: EvaluationSpec,
) -> list[Reading]:
    """Readings of one code; targets alternate between real and shuffled labels."""
    source, side = groups
    draw = {"source": source, "strata": side, "draws": spec.bootstrap, "seed": spec.seed}
    samples, ce_samples = (source_means(values.T, **draw) for values in (right, losses))
    readings = []
    for i, label in enumerate(labels):
        real, shuffled = 2 * i, 2 * i + 1
        v_samples = np.maximum(1 - ce_samples[:, real] / label.entropy, 0)
        (low, high), (v_low, v_high) = interval(samples[:, real]), interval(v_samples)
        accuracy = Score(
            value=_both_ways(right[real], side),
            chance=float(label.shares.max()),
            control=_both_ways(right[shuffled], side),
            low=low,
            high=high,
            n=len(side),
        )
        told, untold = (max(0.0, 1 - _both_ways(losses[j], side) / label.entropy) for j in (real, shuffled))
        v = Score(told, chance=0.0, control=untold, low=v_low, high=v_high, n=len(side))
        readings.append(Reading(accuracy, v, samples[:, real], v_samples))
    return readings


def _both_ways(values: NDArray[np.float64], side: NDArray[np.int64]) -> float:
    return float((values[side == 0].mean() + values[side == 1].mean()) / 2)
