"""Bins and mutual information."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iin_core.metrics.per_dimension.discretise import discretise, entropy, mutual_information
from tests.core.metrics.per_dimension import definitions


def test_the_largest_value_is_in_the_last_bin() -> None:
    """Bins are left-closed and of equal width; empty ones keep their number; constants share one."""
    column = np.array([0.0, 0.1, 0.49, 0.5, 9.99, 10.0])
    table = np.stack([column, np.full(6, 0.1)], axis=1)
    assert discretise(table, 20)[:, 0].tolist() == [1, 1, 1, 2, 20, 20]
    assert set(discretise(table, 20)[:, 1].tolist()) == {1}


def test_a_range_of_rounding_errors_is_one_bin() -> None:
    """Values that differ by rounding would not fit twenty bins."""
    nearly = np.array([[1.0], [np.nextafter(1.0, 2)], [1.0]])
    assert len(np.unique(discretise(nearly, 20))) == 1


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 60))
def test_bins_and_information_are_their_definitions(seed: int, n: int) -> None:
    """The fast forms equal counting."""
    rng = np.random.default_rng(seed)
    z, v = rng.normal(size=n), rng.integers(4, size=n)
    binned = discretise(z[:, None], 20)[:, 0]
    assert binned.tolist() == definitions.bins_of(z)
    counted = definitions.information(binned.tolist(), v.tolist())
    assert mutual_information(binned, v) == pytest.approx(counted, abs=1e-12)
    assert mutual_information(v, binned) == pytest.approx(counted, abs=1e-12)


def test_information_of_crossed_and_of_equal_columns() -> None:
    """Crossed columns tell exactly nothing of each other, a column all of itself."""
    crossed = np.array([(a, b) for a in range(7) for b in range(3)])
    assert mutual_information(crossed[:, 0], crossed[:, 1]) == 0
    assert entropy(crossed) == pytest.approx([math.log(7), math.log(3)])
