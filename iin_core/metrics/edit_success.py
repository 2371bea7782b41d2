"""What a reader says after a concept was changed on purpose: did it change, and did all else stay?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.errors import InputError
from iin_core.metrics.bootstrap import interval, source_means
from iin_core.metrics.score import Score
from iin_core.spec import EvaluationSpec

_DEFAULT = EvaluationSpec()
_KEPT = "kept_"


@dataclass(frozen=True)
class EditSuccess:
    """How often a reader says what was asked for, and what it said before of the rest.

    Args:
        cause: it says the value that the concept was to take; None where it does not read the concept.
        isolate: it says the row's own value of every other concept that it reads; None where it reads
            no other.
        joint: both at once (`cause` where there is no other concept); None where `cause` is.
        kept: each other concept → it says the row's own value of it.
    """

    cause: Score | None
    isolate: Score | None
    joint: Score | None
    kept: Mapping[str, Score]

    @property
    def scores(self) -> dict[str, Score]:
        """Those that there are by name; `kept_<concept>` for each other concept."""
        named = {"cause": self.cause, "isolate": self.isolate, "joint": self.joint}
        named |= {f"{_KEPT}{name}": score for name, score in self.kept.items()}
        return {name: score for name, score in named.items() if score is not None}


def edit_success(
    said: Mapping[str, ArrayLike],
    wanted: Mapping[str, ArrayLike],
    factor: str,
    source: ArrayLike,
    spec: EvaluationSpec = _DEFAULT,
) -> EditSuccess:
    """Judge what a reader says of edited rows, with intervals over the rows' sources.

    Chance is what a reader reaches that always says the most frequent of the wanted values; a single
    value that is asked of all rows has none.

    Args:
        said: concept → (n,) what the reader says of the edited row.
        wanted: concept → (n,) of `factor` the value that it was to take, of the others the row's own.
        factor: the concept that was changed.
        source: (n,) source of each row.
        spec: `seed` and `bootstrap`.

    Raises:
        InputError: no rows.
    """
    if not len(np.asarray(source)):
        raise InputError("There are no edited rows to be judged.", fix="edit one row or more")
    columns = agreed(said, wanted, factor)
    columns |= {f"{_KEPT}{name}": _equal(said[name], wanted[name]) for name in said if name != factor}
    scores: dict[str, Score] = {}
    if columns:
        values = np.stack(list(columns.values()), 1)
        samples = source_means(values, source, draws=spec.bootstrap, seed=spec.seed)
        chance = _chance(wanted[factor]) if factor in said else None
        for i, name in enumerate(columns):
            guessed = chance if name == "cause" else None
            low, high = interval(samples[:, i])
            scores[name] = Score(float(values[:, i].mean()), guessed, None, low, high, n=len(values))
    kept = {name.removeprefix(_KEPT): one for name, one in scores.items() if name.startswith(_KEPT)}
    return EditSuccess(scores.get("cause"), scores.get("isolate"), scores.get("joint"), kept)


def agreed(
    said: Mapping[str, ArrayLike], wanted: Mapping[str, ArrayLike], factor: str
) -> dict[str, NDArray[np.float64]]:
    """For each of cause, isolate and joint that applies (n,) of 0 and 1; see `EditSuccess`."""
    columns: dict[str, NDArray[np.float64]] = {}
    others = [_equal(said[name], wanted[name]) for name in said if name != factor]
    kept = np.prod(others, axis=0) if others else 1.0
    if others:
        columns["isolate"] = np.asarray(kept, dtype=np.float64)
    if factor in said:
        columns["cause"] = _equal(said[factor], wanted[factor])
        columns["joint"] = columns["cause"] * kept
    return columns


def _equal(said: ArrayLike, wanted: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(np.asarray(said) == np.asarray(wanted), dtype=np.float64)


def _chance(wanted: ArrayLike) -> float | None:
    counts = np.unique(np.asarray(wanted), return_counts=True)[1]
    return float(counts.max() / counts.sum()) if len(counts) > 1 else None
