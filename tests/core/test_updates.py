"""The flat buffer computes what separate parameters would."""

import pytest
import torch

from iin_core.flow import build_flow
from iin_core.spec import FlowSpec, TrainingSpec
from iin_core.updates import FlatParameters, learning_rate, make_optimizer


def stack():
    return build_flow(FlowSpec(couplings=2, hidden=10), 6, [0, 1])


def loss_of(flow, x):
    z_tilde, log_det = flow(x)
    return (0.5 * z_tilde.square().sum(-1) - log_det).mean()


def test_flat_updates_equal_separate_ones():
    """Five updates of the flat buffer give the parameters that plain AdamW gives."""
    x = 2 + torch.randn(2, 30, 6, generator=torch.Generator().manual_seed(0))
    spec = TrainingSpec(weight_decay=0.01)
    flat, plain = stack(), stack()
    parameters = FlatParameters(flat)
    optimizer = make_optimizer(parameters, spec)
    reference = torch.optim.AdamW(
        plain.parameters(), lr=spec.learning_rate, betas=spec.betas, weight_decay=0.01
    )
    for _ in range(5):
        parameters.differentiate(loss_of(flat, x))
        optimizer.step()
        reference.zero_grad()
        loss_of(plain, x).backward()
        reference.step()
    for own, other in zip(flat.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(own, other)


def test_clipping_is_by_unit():
    """A long gradient is shortened to the bound, a short one is left as it is, each IIN for itself."""
    flow = stack()
    parameters = FlatParameters(flow)
    x = torch.randn(2, 30, 6, generator=torch.Generator().manual_seed(0))
    z_tilde, log_det = flow(x)
    parameters.differentiate((0.5 * z_tilde.square().sum(-1) - log_det).mean(1) @ torch.tensor([1.0, 1e-4]))
    norms = parameters.norms()
    parameters.clip(float(norms[0]) / 2)
    torch.testing.assert_close(parameters.norms(), torch.stack((norms[0] / 2, norms[1])))


@pytest.mark.parametrize("updates", [1, 7, 100])
def test_learning_rate_rises_and_falls(updates):
    """The rate rises to its peak over the warm-up and falls towards 0 by the last update."""
    spec = TrainingSpec(updates=updates, warmup=0.2)
    rates = [learning_rate(update, spec) for update in range(updates)]
    assert max(rates) == pytest.approx(spec.learning_rate)
    assert all(rate > 0 for rate in rates)
    assert updates < 100 or rates[-1] < 0.01 * spec.learning_rate
