"""Numbers and values as sentences of experiments write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from iin_core.metrics import Score


def percent(score: Score) -> str:
    """A share with its interval: `97.7 % (97.0–98.3)`."""
    text = f"{100 * score.value:.1f} %"
    if score.low is None or score.high is None:
        return text
    return f"{text} ({100 * score.low:.1f}–{100 * score.high:.1f})"


def shares(scores: Mapping[str, Score]) -> str:
    """`digit in 97.7 % (97.0–98.3), colour in 12.0 %`."""
    return ", ".join(f"{name} in {percent(score)}" for name, score in scores.items())


def between(low: float | None, high: float | None, form: str = ".2f", before: str = "") -> str:
    """` (0.93 to 0.97)`, with a space in front; nothing where there is no interval.

    Args:
        low, high: its ends; None or NaN where there is none.
        form: of a number.
        before: what stands in front of the ends.
    """
    if low is None or high is None or pd.isna(low) or pd.isna(high):
        return ""
    return f" ({before}{low:{form}} to {high:{form}})"


def capital(sentence: str) -> str:
    """The same with a capital at its start."""
    return f"{sentence[:1].upper()}{sentence[1:]}"


def value_text(value: object) -> str:
    """A label as it is, a number with three digits."""
    return f"{value:.3g}" if isinstance(value, float | np.floating) else str(value)


def listed(values: Sequence[object], most: int = 8) -> str:
    """`a, b and 3 more`."""
    some = ", ".join(value_text(value) for value in values[:most])
    return some if len(values) <= most else f"{some} and {len(values) - most} more"
