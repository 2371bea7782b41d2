"""Priors of blocks: densities that integrate, clusters that are found, edits that arrive."""

import numpy as np
import pytest
import torch

from iin_core.errors import InputError
from iin_core.priors import NormalPrior, fit_class_prior, fit_value_prior


def clusters(n=600, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.choice(["a", "b", "c"], n)
    means = {"a": [0.0, 2.0], "b": [2.0, -1.0], "c": [-2.0, 0.0]}
    codes = np.array([means[label] for label in labels]) + 0.1 * rng.normal(size=(n, 2))
    return torch.tensor(codes, dtype=torch.float32), labels


def test_class_prior_finds_the_clusters():
    """Means, spread and weights of the classes are those of the data."""
    codes, labels = clusters()
    prior = fit_class_prior(codes, labels, clusters(seed=1))
    assert prior.labels == ("a", "b", "c")
    torch.testing.assert_close(prior.means[0], torch.tensor([0.0, 2.0]), atol=0.05, rtol=0)
    torch.testing.assert_close(prior.std, torch.tensor([0.1, 0.1]), atol=0.02, rtol=0)
    assert float(prior.weights.sum()) == pytest.approx(1)


@pytest.mark.parametrize(
    "make", [lambda: NormalPrior(2), lambda: fit_class_prior(*clusters(), clusters(seed=1))]
)
def test_density_integrates_to_one(make):
    """A prior's density has a total mass of 1."""
    side = torch.linspace(-6, 6, 1201)
    mass = make().log_prob(torch.cartesian_prod(side, side)).exp().sum() * (side[1] - side[0]) ** 2
    assert float(mass) == pytest.approx(1, abs=1e-2)


def test_samples_follow_the_density():
    """Samples are as likely under the prior as the codes that it was fitted to."""
    codes, labels = clusters()
    prior = fit_class_prior(codes, labels, clusters(seed=1))
    drawn = prior.sample(2000, torch.Generator().manual_seed(0))
    assert float(prior.log_prob(drawn).mean()) == pytest.approx(float(prior.log_prob(codes).mean()), abs=0.2)


def test_class_edit_keeps_the_deviation():
    """Editing to a class moves a row to its cluster and keeps where in the cluster it lies."""
    codes, labels = clusters()
    prior = fit_class_prior(codes, labels, clusters(seed=1))
    row = prior.means[1:2] + torch.tensor([[0.05, -0.03]])
    torch.testing.assert_close(prior.edited(row, "a"), prior.means[0:1] + torch.tensor([[0.05, -0.03]]))
    with pytest.raises(InputError, match="no class 'd'"):
        prior.edited(row, "d")


def test_value_edit_arrives():
    """After an edit of a numeric concept the readout says the value asked for."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(500, 3, generator=generator)
    values = 0.5 + 0.1 * codes[:, 0] + 0.001 * torch.randn(500, generator=generator)
    prior = fit_value_prior(codes, values.numpy())
    edited = prior.edited(codes[:10], 0.7)
    torch.testing.assert_close(edited @ prior.weight + prior.bias, torch.full((10,), 0.7))
    assert float(prior.weight[0]) == pytest.approx(0.1, rel=0.02)


def test_block_without_values_cannot_be_set():
    """A normal block has nothing to be set to, and the message names what can be done."""
    with pytest.raises(InputError, match="use swap or resample"):
        NormalPrior(2).edited(torch.zeros(1, 2), "red")


def test_an_edit_has_a_strength():
    """Half the strength is half the way; none leaves the rows as they are, in a class as in a number."""
    codes, labels = clusters()
    for prior, to in (
        (fit_class_prior(codes, labels, clusters(seed=1)), "a"),
        (fit_value_prior(codes, codes[:, 0]), 0.7),
    ):
        whole, half, none = (prior.edited(codes[:20], to, strength) for strength in (1.0, 0.5, 0.0))
        torch.testing.assert_close(whole - codes[:20], 2 * (half - codes[:20]), atol=1e-5, rtol=0)
        assert torch.equal(none, codes[:20])


def test_a_class_can_be_drawn_from():
    """Draws of one class have its mean and its spread; an unknown class is refused with the nearest."""
    prior = fit_class_prior(*clusters(), clusters(seed=1))
    drawn = prior.drawn("b", 4000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn.mean(0), prior.means[1], atol=0.01, rtol=0)
    torch.testing.assert_close(drawn.std(0), prior.std, atol=0.01, rtol=0)
    with pytest.raises(InputError, match="no class 'd'"):
        prior.drawn("d", 1, torch.Generator())
