"""Points of the curves: where they lie, and held-out likelihoods that do not depend on neighbours."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from iin_core.curve import Curve, Validation, evenly, n_points
from iin_core.flow import build_flow
from iin_core.objective import nll_per_dim
from iin_core.spec import TrainingSpec
from tests.core.training_world import TINY

CPU = torch.device("cpu")


@given(st.integers(1, 3000))
def test_points_lie_evenly_from_the_first_to_the_last_update(updates):
    """There is a point behind the first and the last update, and fifty to a hundred in between, ten apart."""
    curve = Curve(1, TrainingSpec(updates=updates), CPU)
    wanted = [update for update in range(updates) if curve.wants(update)]
    assert (wanted[0], wanted[-1]) == (0, updates - 1)
    assert len(wanted) <= 102
    assert all(b - a >= 10 for a, b in pairwise(wanted[1:-1]))


@pytest.mark.parametrize("m", [1, 100, 256, 257, 700])
def test_held_out_likelihood_is_the_mean_over_rows(m):
    """It is the mean over the rows, the same beside a neighbour with more of them, bit for bit."""
    generator = torch.Generator().manual_seed(0)
    rows, others = torch.randn(m, 6, generator=generator), torch.randn(900, 6, generator=generator)
    spec = TrainingSpec(updates=1000, batch=512)
    both, alone = build_flow(TINY, 6, [3, 4]), build_flow(TINY, 6, [3])
    found = Validation([rows], spec, CPU).nll(alone)
    torch.testing.assert_close(found, nll_per_dim(*alone(rows[None])).mean(1))
    assert torch.equal(Validation([rows, others], spec, CPU).nll(both)[:1], found)


def test_many_rows_are_sampled_so_that_looking_stays_cheap():
    """Over a whole training held-out rows are at most a tenth of the rows of its updates."""
    spec = TrainingSpec(updates=1000, batch=512)
    seen = []

    class Counting(torch.nn.Module):
        def forward(self, x):
            seen.append(x.shape[1])
            return x, torch.zeros(x.shape[:2])

    Validation([torch.zeros(100_000, 6)], spec, CPU).nll(Counting())
    assert sum(seen) * n_points(spec) <= 0.11 * 1000 * 512


@given(st.integers(1, 500), st.integers(1, 500))
def test_places_are_spread_over_all(n, wanted):
    """Places ascend from the first to the last; none comes twice where there are enough."""
    places = evenly(n, wanted)
    assert len(places) == wanted
    assert places[0] == 0
    assert wanted == 1 or places[-1] == n - 1
    assert (places.diff() >= 0).all()
    assert wanted > n or len(places.unique()) == wanted
