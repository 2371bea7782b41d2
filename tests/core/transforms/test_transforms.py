"""Every transform goes through one suite: exact inverse, log-determinant, independent units."""

import pytest
import torch

from iin_core.transforms import ActNorm, Coupling, NetShape, Permutation, ResidualCoupling, Rotation
from iin_core.transforms.rotation import random_basis


def generators(n):
    return [torch.Generator().manual_seed(seed) for seed in range(n)]


MAKERS = {
    "actnorm": lambda n_dims, stack: ActNorm(n_dims, stack=stack),
    "coupling": lambda n_dims, stack: Coupling(n_dims, NetShape(16, 1), generators(stack)),
    "joint coupling": lambda n_dims, stack: Coupling(n_dims, NetShape(16, 1, joint=True), generators(stack)),
    "residual coupling": lambda n_dims, stack: ResidualCoupling(
        n_dims, slice(0, max(1, n_dims // 2)), NetShape(16, 1, joint=True), generators(stack)
    ),
    "residual last, odd": lambda n_dims, stack: ResidualCoupling(
        n_dims, slice(n_dims // 2 - 1, n_dims), NetShape(16, 1), generators(stack)
    ),
    "rotation": lambda n_dims, stack: Rotation(
        torch.stack([random_basis(n_dims, generator) for generator in generators(stack)]).float()
    ),
    "permutation": lambda n_dims, stack: Permutation(n_dims, generators(stack)),
}


@pytest.fixture(params=MAKERS)
def make(request):
    def made(n_dims, stack):
        transform = MAKERS[request.param](n_dims, stack)
        noise = torch.Generator().manual_seed(5)
        for parameter in transform.parameters():
            parameter.data += 0.3 * torch.randn(parameter.shape, generator=noise)
        return transform

    return made


def rows(stack, n, n_dims):
    return torch.randn(stack, n, n_dims, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("n_dims", [2, 6, 64])
def test_inverse_undoes_forward(make, n_dims):
    """The inverse gives back what went in, to float32."""
    x = rows(3, 20, n_dims)
    transform = make(n_dims, 3)
    y, log_det = transform(x)
    assert y.shape == x.shape
    assert log_det.shape == x.shape[:2]
    torch.testing.assert_close(transform.inverse(y), x, atol=1e-4, rtol=1e-4)


def test_log_det_is_that_of_the_jacobian(make):
    """The log-determinant is that of the Jacobian which autograd computes."""
    x = rows(2, 4, 6).double()
    transform = make(6, 2).double()
    _, log_det = transform(x)
    for k in range(2):
        for i in range(4):

            def one(row, k=k):
                padded = x[:, :1].clone()
                padded[k, 0] = row
                return transform(padded)[0][k, 0]

            jacobian = torch.autograd.functional.jacobian(one, x[k, i])
            torch.testing.assert_close(torch.linalg.slogdet(jacobian)[1], log_det[k, i])


def test_units_of_a_stack_do_not_mix(make):
    """Changing the rows of one IIN leaves the results of the others bit for bit as they were."""
    x = rows(3, 10, 8)
    transform = make(8, 3)
    before, _ = transform(x)
    x[1] += 1
    after, _ = transform(x)
    assert torch.equal(before[0], after[0])
    assert torch.equal(before[2], after[2])
    assert not torch.equal(before[1], after[1])


def test_actnorm_starts_normalised():
    """After its data-dependent start the first rows have mean 0 and variance 1 in each dimension."""
    x = 3 + 2 * rows(2, 500, 6)
    norm = ActNorm(6, stack=2)
    norm.initialize(x)
    y, _ = norm(x)
    torch.testing.assert_close(y.mean(1), torch.zeros(2, 6), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.std(1), torch.ones(2, 6), atol=1e-4, rtol=0)


def test_coupling_in_the_published_order():
    """First half moves the second, the halves are exchanged, and that is done again."""
    coupling = Coupling(4, NetShape(8, 1), generators(1))
    for parameter in coupling.parameters():
        parameter.data = 0.5 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3))
    x = rows(1, 7, 4)
    u, v = x.chunk(2, -1)
    s, t = coupling.nets[0](u)
    v = v * s.exp() + t
    s, t = coupling.nets[1](v)
    u = u * s.exp() + t
    torch.testing.assert_close(coupling(x)[0], torch.cat((v, u), -1))


def test_gradient_of_a_permutation_is_that_of_indexing():
    """The permutation's own gradient is the one that autograd gives for plain indexing."""
    permutation = Permutation(8, generators(2))
    x = rows(2, 5, 8).requires_grad_()
    weight = rows(2, 5, 8)
    (own,) = torch.autograd.grad((permutation(x)[0] * weight).sum(), x)
    indexed = torch.stack([x[k][:, permutation.forward_index[k]] for k in range(2)])
    (plain,) = torch.autograd.grad((indexed * weight).sum(), x)
    assert torch.equal(own, plain)
