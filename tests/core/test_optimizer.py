"""The stacked optimizer does what AdamW does to each IIN, and nothing to one that skips."""

import pytest
import torch

from iin_core.optimizer import StackedAdamW


def parts(seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, generator=generator) for n in (48, 16)]


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_each_unit_moves_as_adamw_moves_it_at_its_rate(decay):
    """Five updates at rates of their own equal torch's AdamW at these rates; a skipped update is none."""
    values, gradients = [parts(0), parts(1)], [parts(2), parts(3)]
    reference = [[torch.nn.Parameter(part.clone()) for part in own] for own in values]
    own = StackedAdamW(values, gradients, (0.9, 0.95), decay)
    theirs = [
        torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.95), weight_decay=decay)
        for parameters, rate in zip(reference, (0.1, 0.02), strict=True)
    ]
    for update in range(5):
        skips = update == 2
        if skips:
            gradients[1][0].fill_(torch.nan)
        own.step(torch.tensor([0.1, 0.02]), torch.tensor([0.0, float(skips)]))
        gradients[1][0].copy_(parts(3)[0])
        for k, optimizer in enumerate(theirs):
            if not (skips and k):
                for parameter, gradient in zip(reference[k], gradients[k], strict=True):
                    parameter.grad = gradient.clone()
                optimizer.step()
    for mine, other in zip(values, reference, strict=True):
        for part, parameter in zip(mine, other, strict=True):
            torch.testing.assert_close(part, parameter.detach())
    assert [float(own.state(k)["count"]) for k in (0, 1)] == [5, 4]


def test_unit_with_a_skip_leaves_memory_untouched():
    """What skips keeps its values and moments to the last bit, whatever its gradient."""
    values, gradients = [parts(0)], [parts(2)]
    own = StackedAdamW(values, gradients, (0.9, 0.95), 0.1)
    own.step(torch.tensor([0.1]), torch.tensor([0.0]))
    before = [part.clone() for part in (*values[0], *own.state(0).values())]
    gradients[0][0].fill_(torch.inf)
    own.step(torch.tensor([0.1]), torch.tensor([1.0]))
    after = (*values[0], *own.state(0).values())
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
