"""A unit that diverges fails alone; one that stumbles goes on; neighbours notice nothing."""

import numpy as np
import pytest

from iin_core.errors import DivergedError
from iin_core.guard import STRIKES
from iin_core.training import train
from tests.core.training_world import SHORT, TINY, make, same, stumbling


def spec(updates):
    return SHORT.model_copy(update={"updates": updates, "batch": 16})


@pytest.mark.parametrize(("first", "updates"), [(0, 60), (1000, 1040)])
def test_diverging_unit_fails_alone(first, updates):
    """A unit that diverges at update 1, or at about 1,000, fails by name; its neighbours do not notice."""
    bad = stumbling(make(5), range(first, updates))
    group = train([make(0), bad, make(1, labelled=False)], TINY, spec(updates))
    assert [result.failure is None for result in group] == [True, False, True]
    failure = group[1].failure
    assert isinstance(failure, DivergedError)
    assert f"diverged by update {first + STRIKES}:" in failure.what
    assert (
        f"{STRIKES} updates had no finite loss or gradient, the first was update {first + 1}." in failure.what
    )
    assert "seed 5; learning_rate 0.003, batch 16, no clip, noise 0.1" in failure.where
    without = train([make(0), make(1, labelled=False)], TINY, spec(updates))
    assert all(same(a, b) for a, b in zip(without, group[::2], strict=True))


def test_unit_that_stumbles_goes_on_with_half_the_rate():
    """A few updates that are not finite are left out; training goes on, and its end is finite."""
    [result] = train([stumbling(make(5), range(20, 23))], TINY, spec(60))
    assert result.failure is None
    assert result.updates == 60
    assert np.isfinite(result.curves["nll_validation"]).all()
    assert all(parameter.isfinite().all() for parameter in result.flow.parameters())


def test_unit_that_ends_in_a_fall_has_failed():
    """Where the last updates are not finite, fewer than would end it, the unit has failed all the same."""
    [result] = train([stumbling(make(5), range(57, 60))], TINY, spec(60))
    assert "diverged by update 60: 3 updates" in result.failure.what
