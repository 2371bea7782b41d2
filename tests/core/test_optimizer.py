"""The stacked optimizer does what AdamW does to each IIN, and nothing to one that skips."""

import pytest
import torch

from iin_core.flow import build_flow
from iin_core.optimizer import StackedAdamW
from iin_core.updates import FlatParameters
from tests.core.training_world import TINY


def stacked(decay):
    """Parameters of two IINs with gradients, and their optimizer."""
    parameters = FlatParameters(build_flow(TINY, 6, [0, 1]))
    parameters.gradient.copy_(
        torch.randn(len(parameters.gradient), generator=torch.Generator().manual_seed(0))
    )
    return parameters, StackedAdamW(parameters, 2, (0.9, 0.95), decay)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_each_unit_moves_as_adamw_moves_it_at_its_rate(decay):
    """Five updates at rates of their own equal torch's AdamW at these rates; a skipped update is none."""
    parameters, own = stacked(decay)
    gradient = parameters.gradient.clone()
    values = [torch.cat(parameters.pieces(parameters.flat.detach(), k)) for k in (0, 1)]
    reference = [torch.nn.Parameter(value.clone()) for value in values]
    theirs = [
        torch.optim.AdamW([parameter], lr=rate, betas=(0.9, 0.95), weight_decay=decay)
        for parameter, rate in zip(reference, (0.1, 0.02), strict=True)
    ]
    for update in range(5):
        skips = update == 2
        parameters.gradient.copy_(gradient)
        if skips:
            parameters.pieces(parameters.gradient, 1)[0].fill_(torch.nan)
        own.step(torch.tensor([0.1, 0.02]), torch.tensor([0.0, float(skips)]))
        for k, optimizer in enumerate(theirs):
            if not (skips and k):
                reference[k].grad = torch.cat(parameters.pieces(gradient, k))
                optimizer.step()
    for k, parameter in enumerate(reference):
        torch.testing.assert_close(
            torch.cat(parameters.pieces(parameters.flat.detach(), k)), parameter.detach()
        )
    assert [float(own.state(k)["count"]) for k in (0, 1)] == [5, 4]


def test_unit_that_skips_is_left_as_it_is():
    """What skips keeps its values and moments to the last bit, whatever its gradient; the other moves."""
    parameters, own = stacked(0.1)
    own.step(torch.tensor([0.1, 0.1]), torch.zeros(2))
    flat = parameters.flat.detach()
    before = [[torch.cat(parameters.pieces(flat, k)), *own.state(k).values()] for k in (0, 1)]
    parameters.gradient.fill_(torch.inf)
    parameters.pieces(parameters.gradient, 1)[0].fill_(1.0)
    own.step(torch.tensor([0.1, 0.1]), torch.tensor([1.0, 0.0]))
    after = [[torch.cat(parameters.pieces(flat, k)), *own.state(k).values()] for k in (0, 1)]
    assert all(torch.equal(a, b) for a, b in zip(before[0], after[0], strict=True))
    assert not torch.equal(before[1][0], after[1][0])
