"""Text of the report: names that may hold anything, and numbers."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

from markupsafe import Markup

NONE = "–"
_MINUS = "−"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_ALLOWED = "\n\r\t\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
"""Characters of layout that text needs: line ends, and what Persian, Hindi and emoji are written with."""


def printable(value: object) -> object:
    """Make text fit for HTML: control characters, direction overrides and the like are shown as �.

    Markup and what is no text is left alone, so that this can be Jinja's `finalize`.
    """
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_hidden(c) else c for c in value)


def name(value: object) -> Markup:
    """A name that a person gave, escaped and isolated from the direction of the text around it."""
    return Markup("<bdi>{}</bdi>").format(printable(str(value)))


def number(value: float | None, digits: int = 2) -> str:
    """A number as a table shows it; very small and large ones in powers of ten, none as a dash."""
    if value is None or not math.isfinite(value):
        return NONE
    if value == 0:
        return "0"
    if 0.5 * 10**-digits <= abs(value) < 1e5:
        return f"{value:.{digits}f}".replace("-", _MINUS)
    factor, power = f"{value:.1e}".split("e")
    return f"{factor}·10{str(int(power)).translate(_SUPERSCRIPTS)}".replace("-", _MINUS)


def share(value: float | None) -> str:
    """A share, or another number of that size, with two decimals."""
    return NONE if value is None or not math.isfinite(value) else f"{value:.2f}".replace("-", _MINUS)


def interval(low: float | None, high: float | None) -> str:
    """` [0.93, 0.97]`, with a space in front; nothing where there is no interval."""
    ends = (share(low), share(high))
    return "" if NONE in ends else f" [{ends[0]}, {ends[1]}]"


def listed(parts: Sequence[str | Markup]) -> Markup:
    """Join with commas and a last "and"."""
    if len(parts) < 2:
        return Markup("").join(parts)
    return Markup("{} and {}").format(Markup(", ").join(parts[:-1]), parts[-1])


def count(n: int, what: str) -> str:
    """`1 layer`, `4,000 pairs`."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _is_hidden(character: str) -> bool:
    return character not in _ALLOWED and unicodedata.category(character) in {
        "Cc",
        "Cf",
        "Co",
        "Cs",
        "Cn",
    }
