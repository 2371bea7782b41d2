"""Intervals over sources of what cannot be resampled by its predictions: left out, or drawn anew."""

import numpy as np
import pytest

from iin_core.metrics import jackknife_interval
from iin_core.metrics.bootstrap import resampled_interval
from iin_core.metrics.jackknife import jackknife_intervals

VALUES = np.random.default_rng(0).normal(size=400)
SOURCE = np.repeat(np.arange(400), 5)
ROWS = VALUES[SOURCE]
ERROR = VALUES.std() / 20
"""Of the mean: there are 400 sources, however many rows each has."""


def test_the_jackknife_has_the_width_of_sources() -> None:
    """The interval of a mean is 2 · 1.96 standard errors over sources, however often a source is repeated."""
    low, high = jackknife_interval(lambda kept: float(ROWS[kept].mean()), SOURCE, groups=100)
    assert high - low == pytest.approx(2 * 1.96 * ERROR, rel=0.2)
    assert (low + high) / 2 == pytest.approx(VALUES.mean())
    assert jackknife_interval(lambda kept: 0.0, np.arange(3)) == (None, None)
    assert jackknife_interval(lambda kept: float("inf"), np.arange(30)) == (None, None)


def test_numbers_that_are_measured_together_have_their_own_intervals() -> None:
    """Each of them has the interval that it would have alone; one that is not finite leaves none."""
    both = jackknife_intervals(lambda kept: np.array([ROWS[kept].mean(), ROWS[kept].std()]), SOURCE)
    alone = jackknife_interval(lambda kept: float(ROWS[kept].std()), SOURCE)
    assert both[1] == pytest.approx(alone)
    assert jackknife_intervals(lambda kept: np.array([1.0, np.nan]), SOURCE) is None


@pytest.mark.parametrize("groups", [5, 20])
def test_intervals_of_few_groups_cover_as_often(groups: int) -> None:
    """Of 400 worlds, the mean lies within the interval in 95 of 100, with five groups as with twenty."""
    worlds = np.random.default_rng(1).normal(size=(400, 60))
    covered = 0
    for seed, world in enumerate(worlds):
        low, high = jackknife_interval(
            lambda kept, world=world: float(world[kept].mean()), np.arange(60), groups=groups, seed=seed
        )
        covered += low <= 0 <= high
    assert covered / 400 == pytest.approx(0.95, abs=0.03)


def test_resampling_holds_the_noise_of_sources_and_of_draws() -> None:
    """Of a mean over drawn rows, the interval is as wide as both variances together, no wider."""

    def drawn(rows: np.ndarray, seed: int) -> float:
        return float(ROWS[np.random.default_rng(seed).choice(rows, 400)].mean())

    low, high = resampled_interval(drawn, SOURCE, draws=400, seed=0)
    assert (high - low) / 2 == pytest.approx(1.96 * ERROR * 2**0.5, rel=0.12)
    assert (low + high) / 2 == pytest.approx(drawn(np.arange(2000), 0))


def test_too_little_to_resample_has_no_interval() -> None:
    """Three sources, one draw, or a statistic that is not finite."""
    assert resampled_interval(lambda rows, seed: 0.0, np.arange(3), draws=9, seed=0) == (None, None)
    assert resampled_interval(lambda rows, seed: 0.0, np.arange(9), draws=1, seed=0) == (None, None)
    assert resampled_interval(lambda rows, seed: np.nan, np.arange(9), draws=9, seed=0) == (None, None)
