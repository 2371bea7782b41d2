"""The flat scores of a unit: the same keys in every unit, null where one does not apply, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping

from iin_core.spec import EvaluationSpec
from tasks.evaluation.keys import SCORE_KEYS, companion
from tasks.evaluation.measured import Measured
from tasks.evaluation.numbers import numbers_of
from tasks.evaluation.reasons import reasons_of

_NOT_FINITE = "the value is not finite"
_NOT_MEASURED = "was not measured"
_NO_COMPANION = {
    "low": "no interval: the study's evaluation.bootstrap is 0",
    "high": "no interval: the study's evaluation.bootstrap is 0",
    "chance": "guessing has no meaning here",
    "control": "not measured with shuffled labels",
}


def flat_scores(
    measured: Measured, absent: Mapping[str, str], spec: EvaluationSpec
) -> tuple[dict[str, float | None], dict[str, str]]:
    """Every key of `SCORE_KEYS` → number or None, and for each None a sentence.

    Args:
        measured: of the unit.
        absent: baseline → why it could not be fitted.
        spec: what was asked for.
    """
    numbers, reasons = numbers_of(measured), reasons_of(measured, absent, spec)
    scores: dict[str, float | None] = {}
    why: dict[str, str] = {}
    for key in SCORE_KEYS:
        value = numbers.get(key)
        scores[key] = value if value is not None and math.isfinite(value) else None
        if scores[key] is None:
            why[key] = _NOT_FINITE if value is not None else _reason(key, why, reasons)
    return scores, why


def _reason(key: str, why: Mapping[str, str], reasons: Mapping[str, str]) -> str:
    """That of the number beside which it would stand, where that is missing too."""
    beside = companion(key)
    if beside is None:
        return reasons.get(key, _NOT_MEASURED)
    return why.get(beside[0]) or reasons.get(key) or _NO_COMPANION[beside[1]]
