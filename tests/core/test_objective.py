"""The loss of pairs against the paper's formula written out and against exact densities."""

import math

import torch
from torch.distributions import MultivariateNormal, Normal

from iin_core.blocks import Blocks
from iin_core.objective import nll_per_dim, pair_loss

BLOCKS = Blocks({"residual": 2, "digit": 3, "colour": 1})


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_pair_loss_is_half_the_published_one():
    """For pairs that share one concept the loss is ½ ℓ of the paper, block by block."""
    a, b, log_det_a, log_det_b = drawn(8, 6), drawn(8, 6, seed=1), drawn(8, seed=2), drawn(8, seed=3)
    for shared in ("digit", "colour"):
        rho = torch.zeros(6, dtype=torch.float64)
        rho[BLOCKS[shared]] = 0.975
        total = (a**2).sum(1) - 2 * log_det_a - 2 * log_det_b
        for name, place in BLOCKS.items():
            if name == shared:
                total = total + ((b[:, place] - 0.975 * a[:, place]) ** 2).sum(1) / (1 - 0.975**2)
            else:
                total = total + (b[:, place] ** 2).sum(1)
        ours = pair_loss(a, b, log_det_a, log_det_b, rho.expand(8, 6))
        torch.testing.assert_close(ours, total.mean() / 2)


def test_pair_loss_is_a_density_up_to_a_constant():
    """The loss differs from the negative log-density of correlated normal pairs by a constant alone."""
    rho = 0.8
    pairs = drawn(50, 2)
    joint = MultivariateNormal(torch.zeros(2).double(), torch.tensor([[1, rho], [rho, 1]]).double())
    zeros = torch.zeros(1).double()
    losses = torch.stack(
        [pair_loss(p[:1, None], p[1:, None], zeros, zeros, torch.full((1, 1), rho).double()) for p in pairs]
    )
    constants = -joint.log_prob(pairs) - losses
    torch.testing.assert_close(constants, constants[:1].expand(50))


def test_pairs_that_share_nothing_are_unsupervised():
    """With ρ = 0 everywhere the loss is the mean negative log-likelihood of both rows together."""
    a, b, log_det = drawn(8, 6), drawn(8, 6, seed=1), drawn(8, seed=2)
    ours = pair_loss(a, b, log_det, log_det, torch.zeros(8, 6).double())
    torch.testing.assert_close(ours, 6 * (nll_per_dim(a, log_det) + nll_per_dim(b, log_det)).mean())


def test_nll_is_that_of_the_normal_distribution():
    """With ½·log 2π added back, nll per dimension is the normal distribution's."""
    z_tilde = drawn(20, 6)
    expected = -Normal(0.0, 1.0).log_prob(z_tilde).mean(1)
    torch.testing.assert_close(
        nll_per_dim(z_tilde, torch.zeros(20).double()) + 0.5 * math.log(2 * math.pi), expected
    )
