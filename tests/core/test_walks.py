"""Walks: the prior is where they stay, whatever the step; lines end where they should."""

import math

import pytest
import torch

from iin_core.errors import InputError
from iin_core.priors import ClassPrior, NormalPrior, ValuePrior
from iin_core.walks import Steps, walk_block

N = 4000
WEIGHTS = torch.tensor([0.5, 0.3, 0.2])
APART = ClassPrior((0, 1, 2), 6 * torch.eye(3, 2), torch.tensor([0.2, 0.4]), WEIGHTS)
TOUCHING = ClassPrior(
    (0, 1, 2), torch.tensor([[0.0, 0], [1, 0], [0, 1.5]]), torch.tensor([0.5, 0.6]), WEIGHTS
)


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("prior", [NormalPrior(3), ValuePrior(torch.ones(3), 0.5)])
def test_a_normal_block_stays_normal_for_any_step(prior, alpha) -> None:
    """Mean 0, deviation 1 after many steps, and a correlation of α from one step to the next."""
    start = torch.randn(N, 3, generator=_generator(1))
    path, acceptance = walk_block(prior, start, 60, Steps(alpha=alpha), _generator(2))
    assert acceptance == 1
    assert torch.equal(path[0], start)
    assert path[-1].mean(0).abs().max() < 4 / math.sqrt(N)
    assert (path[-1].std(0) - 1).abs().max() < 0.05
    correlation = (path[-1] * path[-2]).mean()
    assert float(correlation) == pytest.approx(alpha, abs=0.05)


def test_a_normal_block_finds_its_prior_from_anywhere() -> None:
    """From a start far away the walk arrives, as e^(−θt) says."""
    path, _ = walk_block(NormalPrior(2), torch.full((N, 2), 9.0), 40, Steps(alpha=0.8), _generator())
    assert float(path[5].mean()) == pytest.approx(9 * 0.8**5, abs=0.1)
    assert path[-1].mean(0).abs().max() < 0.1
    assert (path[-1].std(0) - 1).abs().max() < 0.05


@pytest.mark.parametrize("method", ["exact", "langevin"])
@pytest.mark.parametrize("prior", [APART, TOUCHING], ids=["apart", "touching"])
def test_a_mixture_stays_the_mixture(prior, method) -> None:
    """Mean, covariance and share of each class are those of the prior, also where clusters touch."""
    start = prior.sample(N, _generator(3))
    path, acceptance = walk_block(prior, start, 40, Steps(alpha=0.8, jump=0.3, method=method), _generator(4))
    reference = prior.sample(40 * N, _generator(5))
    end = path[-1]
    assert (end.mean(0) - reference.mean(0)).abs().max() < 5 * float(reference.std()) / math.sqrt(N)
    assert (torch.cov(end.T) - torch.cov(reference.T)).abs().max() < 0.06 * float(
        torch.cov(reference.T).max()
    )
    shares = prior.responsibilities(end).mean(0)
    assert (shares - WEIGHTS).abs().max() < 0.03
    assert acceptance == 1 if method == "exact" else 0.6 < acceptance < 1


@pytest.mark.parametrize("method", ["exact", "langevin"])
def test_every_class_is_visited_from_any(method) -> None:
    """Started in one cluster, the walk reaches the others as often as they are frequent."""
    start = APART.means[:1].expand(N, 2)
    path, _ = walk_block(APART, start, 40, Steps(alpha=0.8, jump=0.3, method=method), _generator(6))
    assert (APART.responsibilities(path[-1]).mean(0) - WEIGHTS).abs().max() < 0.03


def test_classes_change_at_the_rate_that_was_asked_for() -> None:
    """A step leaves its class with the chance jump·(1 − Σ w²), and never with jump 0."""
    start = APART.sample(N, _generator(7))
    for jump in (0.0, 0.4):
        path, _ = walk_block(APART, start, 20, Steps(jump=jump), _generator(8))
        labels = APART.responsibilities(path.flatten(0, 1)).argmax(-1).reshape(21, N)
        rate = (labels[1:] != labels[:-1]).double().mean()
        assert float(rate) == pytest.approx(jump * (1 - float(WEIGHTS.square().sum())), abs=0.01)


def test_langevin_alone_stays_in_its_class_where_clusters_are_apart() -> None:
    """That is why jumps are needed: no local step crosses the gap."""
    start = APART.sample(500, _generator(9))
    path, _ = walk_block(APART, start, 50, Steps(jump=0.0, method="langevin"), _generator(10))
    labels = APART.responsibilities(path.flatten(0, 1)).argmax(-1).reshape(51, 500)
    assert torch.equal(labels[0], labels[-1])


def test_langevin_keeps_a_normal_block_where_uncorrected_steps_would_not() -> None:
    """The deviation stays 1 within 2 %; Euler steps of this size would have it at 1.05."""
    start = torch.randn(20_000, 2, generator=_generator(11))
    path, acceptance = walk_block(
        NormalPrior(2), start, 40, Steps(alpha=0.8, method="langevin"), _generator(12)
    )
    assert float(path[-1].std()) == pytest.approx(1, abs=0.02)
    assert 0.9 < acceptance < 1


@pytest.mark.parametrize(("alpha", "jump"), [(1.0, 0.1), (-0.1, 0.1), (0.5, 1.5)])
def test_steps_that_mean_nothing_are_refused(alpha, jump) -> None:
    """The text names both numbers and their bounds."""
    with pytest.raises(InputError, match=f"alpha {alpha:g} and jump {jump:g}") as caught:
        Steps(alpha=alpha, jump=jump)
    assert "jump in [0, 1]" in caught.value.where
