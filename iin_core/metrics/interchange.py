"""Interchange accuracy: one block from a donor, the rest from the base, and what a reader says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.errors import InputError
from iin_core.metrics.bootstrap import interval, source_means
from iin_core.metrics.edit_success import agreed
from iin_core.metrics.labels import MISSING, class_indices
from iin_core.metrics.score import Score
from iin_core.spec import EvaluationSpec

KINDS = ("cause", "isolate", "joint")
_DEFAULT = EvaluationSpec()
_ROUNDS = 200


@dataclass(frozen=True)
class FactorInterchange:
    """What the reader says after one factor was taken from the donor.

    Args:
        factor: the block that was exchanged.
        cause: the reader says the donor's value of this factor; None where it does not read it.
        isolate: it still says the base's value of every other concept that it reads; None where it
            reads no other.
        joint: both at once (`cause` where there is no other concept); None where `cause` is.
    """

    factor: str
    cause: Score | None
    isolate: Score | None
    joint: Score | None


@dataclass(frozen=True)
class Interchange:
    """Interchange accuracy by one reader; the means are over the factors that have the score."""

    factors: tuple[FactorInterchange, ...]
    cause: Score | None
    isolate: Score | None
    joint: Score | None


def interchange_pairs(
    concepts: Mapping[str, ArrayLike], n: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows (base, donor), both (n,), that have a label of every concept given and differ in it.

    Args:
        concepts: name → (n_rows,) values, None, NaN or NA where a row has none; give
            the rows' sources too if a donor is to be another source.
        n: how many pairs, drawn uniformly with replacement from all that qualify.
        seed: of the draw.

    Raises:
        InputError: rows that differ in every concept are too rare to be found, or do not exist.
    """
    codes = np.stack([class_indices(values)[0] for values in concepts.values()], 1)
    labelled = np.flatnonzero((codes != MISSING).all(1))
    rng = np.random.default_rng(seed)
    found = np.empty((0, 2), dtype=np.int64)
    for _ in range(_ROUNDS):
        if len(labelled) == 0:
            break
        drawn = labelled[rng.integers(len(labelled), size=(max(n, 1000), 2))]
        differ = (codes[drawn[:, 0]] != codes[drawn[:, 1]]).all(1)
        found = np.concatenate([found, drawn[differ]])
        if len(found) >= n:
            return found[:n, 0], found[:n, 1]
    raise InputError(
        f"Of {_ROUNDS * max(n, 1000)} pairs only {len(found)} differ in all of {', '.join(concepts)}.",
        where=f"{len(codes)} rows, {len(labelled)} with a label of each",
        fix="give concepts that vary independently, or more rows",
    )


def interchange(
    predicted: Mapping[str, Mapping[str, ArrayLike]],
    labels: Mapping[str, ArrayLike],
    base: NDArray[np.int64],
    donor: NDArray[np.int64],
    source: ArrayLike,
    spec: EvaluationSpec = _DEFAULT,
) -> Interchange:
    """Cause, isolate and joint of every factor, with intervals over the bases' sources.

    For factor k and pairs (base b, donor s): cause = P(reader says s's value of k), isolate =
    P(it says b's value of all other concepts that it reads), joint = P(both); the joint of a method
    is the mean over factors. Chance is what a reader reaches that always says the most frequent
    value; control is the same statistic where the pairs' outputs are exchanged, so that each is
    judged against the base and the donor of another pair. A subspace can also be changed through a
    dormant path: show leakage beside it.

    The *residual's* exchange, given alone as `{"residual": …}`, has `isolate`: the reader still
    says all that it said of the base.

    Args:
        predicted: factor → concept → (n,) what the reader says of the output after that factor's
            exchange. Every concept that the reader reads is judged, also ones without a block.
        labels: concept → (n_rows,) true values.
        base: (n,) rows of the bases.
        donor: (n,) rows of the donors.
        source: (n_rows,) source of each row.
        spec: `seed` and `bootstrap`.

    Source: Geiger et al., "Causal abstractions of neural networks" (2021), for blocks of z̃.
    """
    said = {factor: _right(says, factor, labels, base, donor) for factor, says in predicted.items()}
    names = [(factor, kind) for factor, columns in said.items() for kind in columns]
    if not names:
        return Interchange(tuple(FactorInterchange(f, None, None, None) for f in said), None, None, None)
    values = np.stack([said[factor][kind] for factor, kind in names], 1)
    other = np.random.default_rng(spec.seed).permutation(len(base))
    moved = {f: _right(says, f, labels, base[other], donor[other]) for f, says in predicted.items()}
    shuffled = np.stack([moved[factor][kind] for factor, kind in names], 1)
    groups = np.asarray(source)[base]
    samples = source_means(values, groups, draws=spec.bootstrap, seed=spec.seed)
    majorities = {name: _majority(labels[name]) for says in predicted.values() for name in says}

    def score(kind: str, factors: list[str]) -> Score | None:
        columns = [names.index((factor, kind)) for factor in factors if (factor, kind) in names]
        if not columns:
            return None
        low, high = interval(samples[:, columns].mean(1))
        chances = [_chance(kind, names[i][0], predicted, majorities) for i in columns]
        value, control = (float(judged[:, columns].mean()) for judged in (values, shuffled))
        return Score(value, float(np.mean(chances)), control, low, high, n=len(base))

    factors = tuple(FactorInterchange(f, *(score(kind, [f]) for kind in KINDS)) for f in predicted)
    return Interchange(factors, *(score(kind, list(predicted)) for kind in KINDS))


def reading_accuracy(
    predicted: Mapping[str, ArrayLike], labels: Mapping[str, ArrayLike], rows: NDArray[np.int64]
) -> float:
    """How often a reader is right about all it reads, of outputs that nobody edited: the ceiling.

    Args:
        predicted: concept → (n,) what the reader says.
        labels: concept → (n_rows,) true values; rows that lack one are left out.
        rows: (n,) the row of each output.
    """
    truths = {name: np.asarray(labels[name])[rows] for name in predicted}
    right = [np.asarray(says) == truths[name] for name, says in predicted.items()]
    known = np.all([class_indices(truth)[0] != MISSING for truth in truths.values()], axis=0)
    return float(np.all(right, axis=0)[known].mean())


def _right(
    says: Mapping[str, ArrayLike],
    factor: str,
    labels: Mapping[str, ArrayLike],
    base: NDArray[np.int64],
    donor: NDArray[np.int64],
) -> dict[str, NDArray[np.float64]]:
    """For each kind that applies (n,) of 0 and 1."""
    wanted = {name: np.asarray(labels[name])[donor if name == factor else base] for name in says}
    return agreed(says, wanted, factor)


def _majority(values: ArrayLike) -> float:
    codes, _ = class_indices(values)
    known = codes[codes != MISSING]
    return float(np.bincount(known).max() / len(known)) if len(known) else 0.0


def _chance(
    kind: str, factor: str, predicted: Mapping[str, Mapping[str, ArrayLike]], majorities: Mapping[str, float]
) -> float:
    others = float(np.prod([majorities[name] for name in predicted[factor] if name != factor]))
    own = majorities.get(factor, 1.0)
    return {"cause": own, "isolate": others, "joint": own * others}[kind]
