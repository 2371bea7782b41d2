"""The transforms of a conditional flow: exact inverse and log-determinant, given any condition."""

import math

import pytest
import torch

from iin_core.transforms import Coupling, NetShape
from iin_core.transforms.conditional_coupling import ConditionalCoupling
from iin_core.transforms.leaky import Leaky


def _generators(n):
    return [torch.Generator().manual_seed(seed) for seed in range(n)]


def _coupling(n_dims, stack, joint=True):
    coupling = ConditionalCoupling(n_dims, 3, NetShape(16, 1, joint), _generators(stack))
    noise = torch.Generator().manual_seed(5)
    for parameter in coupling.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, generator=noise)
    return coupling


def _rows(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("joint", [True, False])
@pytest.mark.parametrize("n_dims", [2, 6, 64])
def test_inverse_undoes_forward_given_the_same_condition(n_dims, joint):
    """The inverse gives back what went in, and something else under another condition."""
    x, given = _rows(3, 20, n_dims), _rows(3, 20, 3, seed=2)
    coupling = _coupling(n_dims, 3, joint)
    y, log_det = coupling(x, given)
    assert log_det.shape == (3, 20)
    torch.testing.assert_close(coupling.inverse(y, given), x, atol=1e-4, rtol=1e-4)
    assert (coupling.inverse(y, given + 1) - x).abs().max() > 0.1


@pytest.mark.parametrize("transform", ["coupling", "leaky"])
def test_log_det_is_that_of_the_jacobian(transform):
    """The log-determinant by x alone is that of the Jacobian which autograd computes."""
    x, given = _rows(1, 4, 6).double(), _rows(1, 4, 3, seed=2).double()
    coupling, leaky = _coupling(6, 1).double(), Leaky(0.7)

    def apply(rows, c):
        return coupling(rows, c) if transform == "coupling" else leaky(rows)

    _, log_det = apply(x, given)
    for i in range(4):
        one = torch.autograd.functional.jacobian(
            lambda row, i=i: apply(row[None, None], given[:, i : i + 1])[0][0, 0], x[0, i]
        )
        torch.testing.assert_close(torch.linalg.slogdet(one)[1], log_det[0, i])


def test_without_a_condition_that_counts_it_is_a_coupling():
    """With zero weights on the condition a conditional coupling is the plain one."""
    plain = Coupling(6, NetShape(8, 1), _generators(2))
    coupling = ConditionalCoupling(6, 3, NetShape(8, 1), _generators(2))
    for own, theirs in zip(coupling.parameters(), plain.parameters(), strict=True):
        theirs.data += 0.2 * _rows(*theirs.shape)
        own.data.zero_()
        own.data[..., : theirs.shape[-2], :] = theirs.data
    x = _rows(2, 10, 6)
    for found, expected in zip(coupling(x, _rows(2, 10, 3, seed=2)), plain(x), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)


def test_leaky_is_undone_and_counts_or_not():
    """The slope holds for negative numbers; the public code's log-determinant is 0."""
    x = torch.tensor([[[-2.0, 0.0, 3.0], [1.0, 1.0, 1.0]]])
    y, log_det = Leaky(0.9)(x)
    torch.testing.assert_close(y, torch.tensor([[[-1.8, 0.0, 3.0], [1.0, 1.0, 1.0]]]))
    torch.testing.assert_close(log_det, torch.tensor([[math.log(0.9), 0.0]]))
    torch.testing.assert_close(Leaky(0.9).inverse(y), x)
    assert not Leaky(0.9, counted=False)(x)[1].any()
