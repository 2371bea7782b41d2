"""The rank estimator against ranks that are known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from iin_core.blocks import Blocks
from iin_core.dimensions import Problem, drawn_pairs, estimate_dimensions
from iin_core.dimensions.directions import shared_directions
from iin_core.sampling import make_sampler
from iin_core.spec import PairSpec
from tests.core.dimensions.worlds import classes, shared_rank


def labelled(z, label, source, kind="label", seed=0):
    blocks, specs = Blocks({"residual": 1, "c": 1}), {"c": PairSpec(kind=kind)}
    return Problem(z, z, drawn_pairs(make_sampler({"c": label}, specs, source, blocks)), source, seed)


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 12), st.floats(0.5, 0.95), st.integers(0, 100))
def test_finds_the_shared_rank(rank, correlation, seed):
    """As many dimensions as directions are shared, whatever the basis and their correlation."""
    estimated = estimate_dimensions("rank", shared_rank(rank, correlation, seed=seed))
    assert estimated.dims["c"] == rank
    assert estimated.dims["residual"] == 16 - rank
    assert estimated.scores["c"] == pytest.approx(rank * correlation, rel=0.15)
    assert estimated.estimator == "rank"


@pytest.mark.parametrize("rank", [1, 3, 8])
def test_finds_the_rank_in_which_pairs_differ(rank):
    """Pairs that share all else need as many dimensions as they differ in."""
    estimated = estimate_dimensions("rank", shared_rank(rank, correlation=0.999, differs=True))
    assert estimated.dims["c"] == rank


@pytest.mark.parametrize("n_classes", [2, 4, 7])
def test_classes_take_one_dimension_less_than_there_are(n_classes):
    """Means of C classes span C − 1 directions."""
    assert estimate_dimensions("rank", labelled(*classes(n_classes))).dims["c"] == n_classes - 1


def test_a_number_that_moves_z_along_a_line_takes_one():
    """A numeric concept with a linear effect needs one dimension."""
    z, _, source = classes(2, distance=0)
    value = np.random.default_rng(0).normal(size=len(z))
    z[:, 0] += 3 * torch.tensor(value, dtype=torch.float32)
    assert estimate_dimensions("rank", labelled(z, value, source, "numeric")).dims["c"] == 1


def test_what_only_the_sample_shares_does_not_count():
    """Labels that mean nothing get the least block, though in the sample their means do differ."""
    z, _, source = classes(8, distance=0, n_sources=200)
    label = np.random.default_rng(1).integers(0, 8, 200)[source]
    problem = labelled(z, label, source)
    estimated = estimate_dimensions("rank", problem)
    assert estimated.dims["c"] <= 2
    assert float(shared_directions(problem.white, problem.pairs["c"])[0][0]) > 0.05
    assert estimated.scores["c"] < 0.1


def test_estimate_does_not_depend_on_the_basis():
    """An invertible linear map of the rows changes no estimate."""
    z, label, source = classes(5)
    turn = torch.randn(12, 12, generator=torch.Generator().manual_seed(3))
    here = estimate_dimensions("rank", labelled(z, label, source))
    there = estimate_dimensions("rank", labelled(z @ turn, label, source))
    assert here.dims == there.dims
    assert here.scores["c"] == pytest.approx(there.scores["c"], rel=0.05)
    assert max(here.curves["c"]) >= here.dims["c"]
