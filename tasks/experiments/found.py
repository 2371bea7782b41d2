"""What an experiment gives back: numbers, tables, figures and sentences, to be sealed and shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from iin_core.metrics.score import Score


@dataclass(frozen=True)
class Drawn:
    """One figure.

    Args:
        file: name of the .png or .svg that was written into the context's folder.
        caption: what it is and how to read it.
        alt: what it shows, in words and numbers.
        table: name of the table behind it.
        pixelated: whether its pixels are data.
    """

    file: str
    caption: str
    alt: str
    table: str | None = None
    pixelated: bool = False


@dataclass(frozen=True)
class Undrawn:
    """A figure that could not be drawn.

    Args:
        figure: what it is called.
        why: on one line.
    """

    figure: str
    why: str


@dataclass(frozen=True)
class Found:
    """All that one experiment found of one unit, layer, model or study.

    Args:
        scores: key such as ``response/digit_kl`` → number with what it is held against.
        tables: name → table, written as ``<name>.csv``.
        drawn: the figures, in the order in which they are shown, and those that could not be drawn, see
            `tasks.experiments.drawing.figure`.
        words: findings with numbers, one sentence each; the first says how to read it.
        files: anything else to be sealed, by name.
        why: score → why it has no value, for scores that this unit cannot have.
    """

    scores: Mapping[str, Score]
    tables: Mapping[str, pd.DataFrame]
    drawn: Sequence[Drawn | Undrawn]
    words: Sequence[str]
    files: Mapping[str, bytes] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)


def columns_of(score: Score, names: Sequence[str] = ("value", "low", "high", "n")) -> dict[str, float | None]:
    """What a row of a table says of a score, by the names of its fields."""
    return {name: getattr(score, name) for name in names}
