"""The engine is the published network, loss and gradient, for less: held against it as published."""

import pytest
import torch

from benchmarks.as_published import OPERATORS, RHO, TOLERANCE, Published
from benchmarks.operators import count_operators
from benchmarks.ours import Ours
from iin_core.flow import build_flow
from iin_core.objective import linked_loss
from iin_core.spec import FlowSpec
from iin_core.updates import FlatParameters

DIMS = (11, 7, 6)
N_DIMS = sum(DIMS)


def published(hidden=20, depth=2, n_blocks=3, n_dims=N_DIMS, seed=0):
    """A published network away from its start."""
    torch.manual_seed(seed)
    network = Published(n_dims, hidden, depth, n_blocks)
    for parameter in network.network.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape)
    return network


def same(networks, hidden=20, depth=2):
    """The networks as one of our stacks: matrices multiply from the right, s and t side by side."""
    blocks = [[list(block.transforms) for block in own.network.transforms] for own in networks]
    sizes = {"couplings": len(blocks[0]), "hidden": hidden, "depth": depth}
    spec = FlowSpec.published().model_copy(update=sizes)
    flow = build_flow(spec, N_DIMS, range(len(networks)))
    for i, transform in enumerate(flow.transforms):
        theirs = [own[i // 3][i % 3] for own in blocks]
        if i % 3 == 0:
            transform.loc.data = torch.stack([norm.loc.detach() for norm in theirs])
            transform.scale.data = torch.stack([norm.scale.detach() for norm in theirs])
        elif i % 3 == 2:
            transform.forward_index = torch.stack([shuffle.order for shuffle in theirs])
            transform.inverse_index = transform.forward_index.argsort(-1)
        for name, parameter in transform.named_parameters() if i % 3 == 1 else ():
            parameter.data = torch.stack([pair_of(coupling, name) for coupling in theirs])
    return flow


def pair_of(coupling, name, of=lambda parameter: parameter.detach()):
    """A parameter of ours, or its gradient, out of a published coupling."""
    _, half, kind, layer = name.split(".")
    linears = [net[int(half)][2 * int(layer)] for net in (coupling.s, coupling.t)]
    if kind == "weights":
        return torch.stack([of(linear.weight).T for linear in linears])
    return torch.stack([of(linear.bias)[None] for linear in linears])


def pairs(n, stack=1, seed=3):
    """Rows [a; b], (K, 2n, N), which block each pair shares, and the links that say so."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(stack, 2 * n, N_DIMS, generator=generator)
    factor = torch.randint(1, len(DIMS), (stack, n), generator=generator)
    block = torch.repeat_interleave(torch.arange(len(DIMS)), torch.tensor(DIMS))
    shared = torch.cat((torch.zeros(stack, n, N_DIMS).bool(), block == factor[..., None]), 1)
    place = torch.arange(2 * n)[:, None].expand(stack, 2 * n, N_DIMS)
    return x, factor, torch.where(shared, place - n, place), RHO * shared.float()


@pytest.mark.parametrize("stack", [1, 3])
def test_loss_and_gradients_are_the_published_ones(stack):
    """From the same weights the loss of a pair and every gradient agree to 1e-5, alone and in a stack."""
    networks = [published(seed=seed) for seed in range(stack)]
    flow = same(networks)
    parameters = FlatParameters(flow)
    x, factor, partner, rho = pairs(25, stack)
    loss = 2 * linked_loss(*flow(x), partner, rho)
    parameters.differentiate(loss.sum())
    for k, own in enumerate(networks):
        own.differentiate(x[k, :25], x[k, 25:], factor[k], DIMS)
        assert loss[k].item() == pytest.approx(own.log["loss"], rel=1e-5)
        for i, transform in enumerate(flow.transforms):
            theirs = own.network.transforms[i // 3].transforms[i % 3]
            for name, parameter in transform.named_parameters():
                if i % 3 == 0:
                    expected = getattr(theirs, name).grad
                else:
                    expected = pair_of(theirs, name, of=lambda p: p.grad)
                apart = (parameter.grad[k] - expected).abs().max()
                assert apart <= 1e-5 * expected.abs().max(), (i, name)


def test_update_dispatches_few_operators():
    """An update of the published 12-block network takes at most 1,300 operators, whatever K is."""
    counts = {stack: count_operators(Ours(8, 25, stack).update).computed.total() for stack in (1, 2, 8)}
    assert max(counts.values()) <= 1300
    assert counts[8] - counts[2] == 6  # one optimizer call an IIN


def test_baseline_dispatches_what_the_published_code_does():
    """The baseline of the benchmark dispatches as many operators as the published code, within 3 %."""
    network = published(hidden=16, n_blocks=12)
    x, factor, *_ = pairs(25)
    count = count_operators(lambda: network.differentiate(x[0, :25], x[0, 25:], factor[0], DIMS))
    assert count.computed.total() == pytest.approx(OPERATORS, rel=TOLERANCE)
