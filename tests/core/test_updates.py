"""The flat buffer holds what separate parameters would, and falls into the parts of each IIN."""

import pytest
import torch
from torch import nn

from iin_core.flow import build_flow
from iin_core.spec import FlowSpec
from iin_core.updates import FlatParameters

X = 2 + torch.randn(2, 30, 6, generator=torch.Generator().manual_seed(0))


def stack(stack=2, hidden=10):
    return build_flow(
        FlowSpec.published().model_copy(update={"couplings": 2, "hidden": hidden, "depth": 1}),
        6,
        range(stack),
    )


def loss_of(flow, x=X):
    z_tilde, log_det = flow(x)
    return (0.5 * z_tilde.square().sum(-1) - log_det).mean()


def test_gradients_and_values_are_those_of_separate_parameters():
    """Moving parameters into one buffer changes neither them nor their gradients, padded shapes included."""
    flat, plain = stack(), stack()
    parameters = FlatParameters(flat)
    for _ in range(2):  # a second time over what the first left
        parameters.differentiate(loss_of(flat))
    loss_of(plain).backward()
    for own, other in zip(flat.parameters(), plain.parameters(), strict=True):
        assert torch.equal(own, other)
        torch.testing.assert_close(own.grad, other.grad)
    torch.testing.assert_close(
        parameters.gradient.norm() ** 2, sum(p.grad.norm() ** 2 for p in plain.parameters())
    )


def test_updates_of_the_buffer_are_those_of_separate_parameters():
    """Five fused updates of the flat buffer give the parameters that plain AdamW gives."""
    flat, plain = stack(), stack()
    parameters = FlatParameters(flat)
    optimizer = torch.optim.AdamW([parameters.flat], lr=1e-3, weight_decay=0.01, fused=True)
    reference = torch.optim.AdamW(plain.parameters(), lr=1e-3, weight_decay=0.01)
    for _ in range(5):
        parameters.differentiate(loss_of(flat))
        optimizer.step()
        reference.zero_grad()
        loss_of(plain).backward()
        reference.step()
    for own, other in zip(flat.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(own, other)


def test_others_are_differentiated_along():
    """One call fills the gradients of a second buffer too."""
    flow, weight = stack(), nn.ParameterList([nn.Parameter(torch.ones(2, 1, 6))])
    parameters, others = FlatParameters(flow), FlatParameters(weight)
    z_tilde, _ = flow(X)
    parameters.differentiate((z_tilde * weight[0]).sum(), others)
    torch.testing.assert_close(weight[0].grad, z_tilde.detach().sum(1, keepdim=True))
    assert float(parameters.gradient.abs().sum()) > 0


def test_what_a_loss_does_not_use_has_no_gradient():
    """Parameters that do not enter a loss get a gradient of 0, whatever stood there before."""
    parameters = FlatParameters(flow := stack())
    parameters.differentiate(loss_of(flow))
    parameters.differentiate(loss_of(flow.transforms[0]))
    assert all(float(p.grad.abs().sum()) > 0 for p in flow.transforms[0].parameters())
    assert not any(float(p.grad.abs().sum()) for p in flow.transforms[1].parameters())


def test_pieces_are_the_parts_of_each_iin():
    """The pieces of all IINs are views that fill a buffer, each of whole vectors of 16 floats."""
    flow = stack(3)
    parameters = FlatParameters(flow)
    buffer = torch.zeros_like(parameters.flat)
    for k in range(3):
        for piece in parameters.pieces(buffer, k):
            assert piece.is_contiguous()
            assert piece.numel() % 16 == 0
            piece += k + 1
    assert sorted(buffer.unique().tolist()) == [1, 2, 3]
    parameters.flat.data.copy_(buffer)
    for parameter in flow.parameters():
        assert all(bool((parameter[k] == k + 1).all()) for k in range(3))


@pytest.mark.parametrize("place", range(4))
def test_sums_are_finite_where_a_gradient_is(place):
    """The sum of an IIN's gradient says whether it is finite, of that IIN alone."""
    flow = stack()
    parameters = FlatParameters(flow)
    x = X.clone()
    x[1, place * 7, place] = torch.inf
    parameters.differentiate(loss_of(flow, x))
    assert parameters.gradient_sums().isfinite().tolist() == [True, False]
