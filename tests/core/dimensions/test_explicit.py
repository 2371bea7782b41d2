"""The explicit estimator: no larger than what a held-out critic needs."""

import math

import numpy as np
import pytest
import torch

from iin_core.dimensions import Problem, estimate_dimensions
from iin_core.dimensions.critic import held_out_nats
from tests.core.dimensions.test_rank import labelled
from tests.core.dimensions.worlds import classes, shared_rank


def test_critic_finds_the_information_of_gaussian_pairs():
    """For two directions of correlation 0.8 the nats come near −½ Σ log(1 − ρ²), and never far above."""
    problem = shared_rank(2, 0.8, n_pairs=8000, n_dims=6)
    pairs = problem.pairs["c"]
    rows = shared_basis(problem)
    a, b = rows[pairs.a], rows[pairs.b]
    nats = held_out_nats((a[:4000], b[:4000]), (a[4000:], b[4000:]), [1, 2, 6], seed=0).mean(1)
    one = -0.5 * math.log(1 - 0.8**2)
    assert float(nats[0]) == pytest.approx(one, rel=0.15)
    assert float(nats[1]) == pytest.approx(2 * one, rel=0.15)
    assert float(nats[2]) < 2 * one


def shared_basis(problem):
    from iin_core.dimensions.directions import shared_directions

    return problem.white @ shared_directions(problem.white, problem.pairs["c"])[1]


def test_classes_of_a_plane_take_two():
    """Six classes on a ring in a plane need two dimensions of ten."""
    angle = torch.arange(6) * 2 * math.pi / 6
    z, label, source = classes(6, n_dims=10, distance=0)
    ring = 5 * torch.stack((angle.cos(), angle.sin()), 1)
    label = np.random.default_rng(0).integers(0, 6, 600)[source]
    z[:, :2] += ring[torch.from_numpy(label)]
    estimated = estimate_dimensions("explicit", labelled(z, label, source))
    assert estimated.dims["c"] == 2
    assert 0.75 * math.log(6) < estimated.scores["c"] < 1.05 * math.log(6)
    assert estimated.estimator == "explicit"
    assert set(estimated.curves["c"]) == {1, 2, 10}


def test_a_concept_that_is_not_there_gets_the_least_block():
    """Labels that mean nothing get one or two dimensions and no nats."""
    z, _, source = classes(6, distance=0)
    label = np.random.default_rng(1).integers(0, 6, 600)[source]
    estimated = estimate_dimensions("explicit", labelled(z, label, source))
    assert estimated.dims["c"] <= 2
    assert estimated.scores["c"] < 0.05


def test_pairs_that_differ_get_what_rank_gives():
    """Where pairs share all but the concept, the rank of their difference is taken."""
    problem = shared_rank(3, correlation=0.999, differs=True)
    assert estimate_dimensions("explicit", problem).dims == estimate_dimensions("rank", problem).dims


def test_same_seed_same_estimate():
    """The estimate is a function of the problem and its seed."""
    z, label, source = classes(3, n_sources=200)
    first, second = (estimate_dimensions("explicit", labelled(z, label, source, seed=4)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("estimator", ["softmax", "rank", "explicit"])
def test_nothing_to_divide(estimator):
    """Without concepts the residual has all dimensions."""
    z = classes(2)[0]
    assert estimate_dimensions(estimator, Problem(z, z, {}, np.arange(len(z)))).dims == {"residual": 12}
