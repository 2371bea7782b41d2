"""Numbers and values as sentences of experiments write them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iin_core.metrics import Score


def percent(score: Score) -> str:
    """A share with its interval: `97.7 % (97.0–98.3)`."""
    text = f"{100 * score.value:.1f} %"
    if score.low is None or score.high is None:
        return text
    return f"{text} ({100 * score.low:.1f}–{100 * score.high:.1f})"


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
