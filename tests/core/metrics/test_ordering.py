"""How well a coordinate orders by a concept, where the answer is known."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from iin_core.metrics import ordering

RNG = np.random.default_rng(0)
SOURCE = np.repeat(np.arange(100), 3)
X = RNG.normal(size=300)
CLASSES = np.searchsorted([-1, 0, 1], X)
NAMES = np.array(["d", "a", "c", "b"])[CLASSES]


def test_numbers_are_ordered_as_spearman_says() -> None:
    """The absolute value of SciPy's ρ, whatever monotone map stands between."""
    noisy = X + RNG.normal(size=300)
    score = ordering(X, -np.exp(noisy), SOURCE)
    assert score.value == pytest.approx(abs(spearmanr(X, noisy).statistic))
    assert score.low < score.value < score.high
    assert score.control_high < 0.3 < score.value
    assert score.chance == 0


def test_labels_are_ordered_whatever_their_names() -> None:
    """Four bins of the coordinate under names without order, or as numbers of classes: the same."""
    score = ordering(X, NAMES, SOURCE)
    assert score.value > 0.9
    assert score.value == pytest.approx(ordering(X, CLASSES, SOURCE).value)
    assert score.value >= abs(spearmanr(X, CLASSES).statistic) - 1e-9


def test_labels_without_order_are_no_finding() -> None:
    """Classes at random reach about what the control reaches; a constant coordinate orders nothing."""
    score = ordering(X, RNG.integers(10, size=300), SOURCE)
    assert score.value < score.control_high + 0.05
    assert 0.05 < score.control < score.control_high < 0.35
    assert ordering(np.ones(300), NAMES, SOURCE).value == 0


def test_rows_without_a_value_are_left_out() -> None:
    """None of a label and NaN of a number change nothing but how many rows there are."""
    numbers = X.copy()
    numbers[:30] = np.nan
    labels = NAMES.astype(object)
    labels[:30] = None
    assert ordering(X, numbers, SOURCE).n == ordering(X, labels, SOURCE).n == 270
    assert ordering(X, numbers, SOURCE).value == pytest.approx(1)
