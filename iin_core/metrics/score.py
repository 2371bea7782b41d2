"""A number that is never shown alone: chance level, control and interval beside the value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """One measured quantity.

    Args:
        value: the quantity itself.
        chance: what guessing reaches, where guessing means something.
        control: the same statistic where labels were shuffled, where that was measured.
        low: lower end of the 95 % bootstrap interval over sources.
        high: upper end of the same interval.
        n: how many rows (or pairs) the value was measured on.
        control_high: the 95 % quantile of the same statistic under shuffled labels; a value below
            it is no finding.
    """

    value: float
    chance: float | None = None
    control: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    control_high: float | None = None

    @property
    def excess(self) -> float:
        """`value − chance`; the value itself where there is no chance level."""
        return self.value - (self.chance or 0.0)
