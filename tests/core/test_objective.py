"""The loss of linked rows against the paper's formula written out and against exact densities."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal

from iin_core.blocks import Blocks
from iin_core.objective import Mates, linked_loss, mates_loss, mutual, nll_per_dim

BLOCKS = Blocks({"residual": 2, "digit": 3, "colour": 1})


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def linked(n, shared):
    """Links of 2n rows [a; b]: each b to its a in the blocks `shared`."""
    rho = torch.zeros(2 * n, BLOCKS.n_dims, dtype=torch.float64)
    for name in shared:
        rho[n:, BLOCKS[name]] = 0.975
    partner = torch.arange(2 * n)[:, None].expand(2 * n, BLOCKS.n_dims).clone()
    return torch.where(rho > 0, partner - n, partner), rho


@pytest.mark.parametrize("shared", [["digit"], ["colour"], ["digit", "colour"], ["residual", "digit"]])
def test_linked_loss_is_a_quarter_of_the_published_one(shared):
    """With the rows of pairs one after another twice the loss is ½ ℓ of the paper, block by block."""
    a, b, log_det_a, log_det_b = drawn(8, 6), drawn(8, 6, seed=1), drawn(8, seed=2), drawn(8, seed=3)
    total = (a**2).sum(1) - 2 * log_det_a - 2 * log_det_b
    for name, place in BLOCKS.items():
        if name in shared:
            total = total + ((b[:, place] - 0.975 * a[:, place]) ** 2).sum(1) / (1 - 0.975**2)
        else:
            total = total + (b[:, place] ** 2).sum(1)
    ours = linked_loss(torch.cat((a, b)), torch.cat((log_det_a, log_det_b)), *linked(8, shared))
    torch.testing.assert_close(2 * ours, total.mean() / 2)


def test_linked_loss_is_a_density_up_to_a_constant():
    """The loss differs from the negative log-density of correlated normal pairs by a constant alone."""
    correlation = 0.8
    covariance = torch.tensor([[1, correlation], [correlation, 1]]).double()
    joint = MultivariateNormal(torch.zeros(2).double(), covariance)
    pairs, zeros = drawn(50, 2), torch.zeros(2).double()
    partner, rho = torch.zeros(2, 1).long(), torch.tensor([[0], [correlation]]).double()
    losses = torch.stack([2 * linked_loss(pair[:, None], zeros, partner, rho) for pair in pairs])
    constants = -joint.log_prob(pairs) - losses
    torch.testing.assert_close(constants, constants[:1].expand(50))


def test_rows_without_links_are_unsupervised():
    """With ρ = 0 everywhere the loss is the mean negative log-likelihood of the rows."""
    z_tilde, log_det = drawn(8, 6), drawn(8, seed=2)
    ours = linked_loss(z_tilde, log_det, *linked(4, []))
    torch.testing.assert_close(ours, 6 * nll_per_dim(z_tilde, log_det).mean())


def test_gradient_of_links_is_the_written_out_one():
    """Each row gets its own term, and the row that it is linked to gets the other, exactly once."""
    z_tilde = drawn(8, 6).requires_grad_()
    partner, rho = linked(4, ["digit"])
    (ours,) = torch.autograd.grad(linked_loss(z_tilde, drawn(8, seed=1), partner, rho), z_tilde)
    free = (z_tilde - rho * z_tilde.gather(0, partner)) / (1 - rho**2)
    expected = free.clone()
    expected[:4] -= rho[4:] * free[4:]
    torch.testing.assert_close(8 * ours, expected)


def stacked(*links):
    """Links of several IINs, seen from both ends."""
    partner, rho = (torch.stack(parts) for parts in zip(*links, strict=True))
    n, n_dims = rho.shape[1:]
    first = torch.arange(len(rho))[:, None, None] * n * n_dims + torch.arange(n_dims)
    return partner, rho, Mates((mutual(partner) * n_dims + first).flatten(), rho, 1 / (1 - rho**2))


def test_loss_seen_from_both_ends_is_that_of_links():
    """Value and gradients are those that autograd derives from the formula, of each IIN its own."""
    partner, rho, mates = stacked(linked(4, ["digit"]), linked(4, ["residual", "colour"]))
    z_tilde, log_det = drawn(2, 8, 6).requires_grad_(), drawn(2, 8, seed=1).requires_grad_()
    weight = torch.tensor([1.0, 3.0]).double()
    own, plain = mates_loss(z_tilde, log_det, mates), linked_loss(z_tilde, log_det, partner, rho)
    torch.testing.assert_close(own, plain)
    grads = [torch.autograd.grad((loss * weight).sum(), [z_tilde, log_det]) for loss in (own, plain)]
    for mine, theirs in zip(*grads, strict=True):
        torch.testing.assert_close(mine, theirs)
    assert torch.autograd.gradcheck(lambda z, d: mates_loss(z, d, mates), (z_tilde, log_det))


def test_mutual_links_are_their_own_inverse():
    """A row's mate's mate is the row, and rows without a link are alone."""
    partner = torch.tensor([[0, 0], [1, 1], [0, 2], [3, 1]])
    mate = mutual(partner)
    assert mate.tolist() == [[2, 0], [1, 3], [0, 2], [3, 1]]
    assert torch.equal(mate.gather(0, mate), torch.arange(4)[:, None].expand(4, 2))


def test_nll_is_that_of_the_normal_distribution():
    """With ½·log 2π added back, nll per dimension is the normal distribution's."""
    z_tilde = drawn(20, 6)
    expected = -Normal(0.0, 1.0).log_prob(z_tilde).mean(1)
    torch.testing.assert_close(
        nll_per_dim(z_tilde, torch.zeros(20).double()) + 0.5 * math.log(2 * math.pi), expected
    )
