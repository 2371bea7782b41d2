"""IRS: definition, closed forms, noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iin_core.metrics import irs
from tests.core.metrics.per_dimension import definitions
from tests.core.metrics.per_dimension.codes import factors, mixed


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), quantile=st.sampled_from([0.5, 0.99, 1.0]))
def test_it_is_its_definition(seed: int, quantile: float) -> None:
    """The score equals plain loops, for classes and for numbers with empty bins."""
    code, table = mixed(150, seed)
    numbers = np.column_stack([table[:, 0], np.random.default_rng(seed).normal(size=150) ** 3])
    assert irs(code, numbers, quantile=quantile).score == pytest.approx(
        definitions.irs(code, numbers, quantile), abs=1e-9
    )


def test_a_perfect_code_and_its_parents() -> None:
    """A dimension that one factor sets does not move while that factor is held."""
    table = factors(300, 0)
    found = irs(table[:, [2, 0, 1]], table)
    assert found.score == 1
    assert found.parents.tolist() == [2, 0, 1]


def test_noise_looks_robust() -> None:
    """IRS of normal noise is about 0.33: the 0.99 quantile over the maximum, whatever is told."""
    table = factors(10_000, 0, (5, 6))
    noise = np.random.default_rng(1).normal(size=(10_000, 10))
    assert irs(noise, table).score == pytest.approx(0.33, abs=0.04)
    assert irs(noise, table, quantile=1.0).score < 0.15


def test_dimensions_weigh_by_their_reach() -> None:
    """The score is the mean weighted by the largest deviation; a constant dimension has no weight."""
    code, table = mixed()
    wide = np.hstack([code * [5, 1, 1, 1, 1, 1], np.full((600, 1), 0.3)])
    found = irs(wide, table)
    assert found.score == pytest.approx(np.average(found.per_dimension, weights=found.max_deviations))
    assert (found.per_dimension[6], found.max_deviations[6], found.parents[6]) == (0, 0, -1)
    assert found.score == pytest.approx(irs(wide[:, :6], table).score, abs=1e-12)
