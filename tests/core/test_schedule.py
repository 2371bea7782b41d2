"""The learning rate over a training."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iin_core.schedule import learning_rate
from iin_core.spec import TrainingSpec


def rates(**settings):
    spec = TrainingSpec(learning_rate=0.5, **settings)
    return [learning_rate(update, spec) for update in range(spec.updates)]


@given(
    st.integers(1, 60),
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from(["cosine", "linear", "constant"]),
)
def test_rate_rises_holds_and_falls(updates, warmup, hold, schedule):
    """It rises over the warm-up, is at its peak until the hold ends, falls then, and is never 0."""
    found = rates(updates=updates, warmup=warmup, hold=hold, schedule=schedule)
    warm = max(1, round(warmup * updates))
    level = max(warm, round(hold * updates))
    assert all(a < b for a, b in pairwise(found[:warm]))
    assert found[warm - 1 : level] == [0.5] * (min(level, updates) - warm + 1)
    if schedule == "constant":
        assert set(found[warm:]) <= {0.5}
    else:
        assert all(a >= b > 0 for a, b in pairwise(found[warm - 1 :]))


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_rate_falls_towards_zero(schedule):
    """By the last update it is close to 0, half-way through the fall it is half its peak."""
    found = rates(updates=200, warmup=0.0, hold=0.5, schedule=schedule)
    assert found[-1] < 0.01
    assert found[150] == pytest.approx(0.25)


def test_published_rate_is_constant_and_then_a_line():
    """The published rate stays until update 100,001 and then falls in a line."""
    spec = TrainingSpec.published()
    assert learning_rate(0, spec) == learning_rate(100_000, spec) == spec.learning_rate
    assert learning_rate(110_000, spec) == pytest.approx(spec.learning_rate * 10_000 / 19_999, rel=1e-6)
