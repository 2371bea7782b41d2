"""The hand-written gradient of a flow is the one that autograd gives, whatever it is used for."""

import pytest
import torch

from iin_core.blocks import Blocks
from iin_core.flow import NormalizingFlow, build_flow
from iin_core.recorded import moved_in_place
from iin_core.spec import FlowSpec
from iin_core.transforms import NetShape, ResidualCoupling
from iin_core.transforms.gradient_place import make_place, offer_place, take_place, withdraw_place
from iin_core.transforms.passes import HasPass

PUBLISHED = FlowSpec.published().model_copy(update={"couplings": 2, "hidden": 7, "depth": 2})
OURS = FlowSpec(couplings=2, residual_couplings=2, hidden=6, depth=1)
SPECS = {
    "published": PUBLISHED,
    "ours": OURS,
    "shallow": OURS.model_copy(update={"depth": 0, "nets": "separate"}),
    "permuted": PUBLISHED.model_copy(update={"residual_couplings": 2, "nets": "joint"}),
}
BLOCKS = {
    "first": {"residual": 5, "digit": 3},
    "last": {"digit": 3, "residual": 5},
    "between": {"digit": 2, "residual": 1, "colour": 5},
}


class Bent(torch.nn.Module):
    """A transform that knows no gradient of its own: y = x + tanh(a) · tanh(x)."""

    def __init__(self, n_dims, stack):
        super().__init__()
        self.a = torch.nn.Parameter(torch.full((stack, 1, n_dims), 0.3))

    def forward(self, x):
        a = self.a.tanh()
        return x + a * x.tanh(), (1 + a * (1 - x.tanh().square())).log().sum(-1)


def moved(flow, dtype=torch.float64):
    """A flow away from its start."""
    noise = torch.Generator().manual_seed(5)
    for parameter in flow.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, generator=noise)
    return flow.to(dtype)


def made(spec, blocks="first", stack=2, dtype=torch.float64):
    return moved(build_flow(spec, [Blocks(BLOCKS[blocks])] * stack, range(stack)), dtype)


def rows(n, stack=2, seed=0, dtype=torch.float64, width=8):
    return torch.randn(stack, n, width, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def results(run, flow, x):
    """What comes out, and the gradients of a loss that weighs all of it, by x and all parameters."""
    x = x.clone().requires_grad_()
    z_tilde, log_det = run(x)
    weighing = rows(z_tilde.shape[1], len(x), seed=8, width=z_tilde.shape[2])
    loss = (z_tilde * weighing.to(x)).sin().sum()
    loss = loss + log_det.square().sum()
    return z_tilde, log_det, *torch.autograd.grad(loss, [x, *flow.parameters()])


def assert_same(flow, x, tolerance=1e-10):
    for own, plain in zip(results(flow, flow, x), results(flow.plain, flow, x), strict=True):
        torch.testing.assert_close(own, plain, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("blocks", BLOCKS)
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_gradient_is_that_of_autograd(spec, blocks):
    """Value and gradients are those that autograd derives from the plain formulas, in both precisions."""
    assert_same(made(spec, blocks), rows(9))
    assert_same(made(spec, blocks, dtype=torch.float32), rows(9, dtype=torch.float32), 2e-4)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_gradient_is_that_of_finite_differences(spec):
    """In float64 the gradient by rows and parameters agrees with differences of the function."""
    flow = made(spec, stack=1)
    assert all(isinstance(transform, HasPass) for transform in flow.transforms)
    parameters = list(flow.parameters())
    assert torch.autograd.gradcheck(lambda x, *_: flow(x), (rows(3, 1).requires_grad_(), *parameters))


def test_wide_layers():
    """Rows that are laid further apart than they are wide give what others give."""
    assert_same(made(OURS.model_copy(update={"hidden": 256})), rows(20), 1e-8)


def test_couplings_of_the_residual_come_first_too():
    """What a flow starts with is left as it was given: its rows are not overwritten."""
    generators = [torch.Generator().manual_seed(k) for k in range(2)]
    flow = moved(NormalizingFlow([ResidualCoupling(8, slice(0, 4), NetShape(6, 1), generators)]))
    x = rows(5)
    flow(x)
    assert torch.equal(x, rows(5))
    assert_same(flow, x)


def test_transforms_without_a_gradient_of_their_own():
    """Autograd differentiates them inside, and the gradient can be taken again."""
    ours = build_flow(OURS, [Blocks(BLOCKS["first"])] * 2, [0, 1]).transforms
    flow = moved(NormalizingFlow([Bent(8, 2), *ours, Bent(8, 2)]))
    assert_same(flow, rows(6))
    loss = sum(part.sum() for part in flow(rows(6)))
    first = torch.autograd.grad(loss, list(flow.parameters()), retain_graph=True)
    again = torch.autograd.grad(loss, list(flow.parameters()))
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


def twice(run):
    """A loss that goes through the flow twice in one graph."""
    once, log_det = run(rows(6))
    return run(once)[0].square().sum() + log_det.sum()


@pytest.mark.parametrize("offered", [False, True])
def test_flow_used_twice_adds_its_gradients(offered):
    """Two passes through one flow in one graph give the sum of both gradients, offered memory or not."""
    flow = made(OURS)
    parameters = list(flow.parameters())
    plain = torch.autograd.grad(twice(flow.plain), parameters)
    if offered:
        for parameter in parameters:
            offer_place(parameter, make_place(torch.full_like(parameter, torch.nan)))
    own = torch.autograd.grad(twice(flow), parameters)
    for mine, theirs in zip(own, plain, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_gradients_are_written_where_they_are_wanted():
    """A gradient lies in the memory that was offered for it, and an offer holds for one gradient."""
    flow = made(OURS)
    parameters = list(flow.parameters())
    places = [make_place(torch.empty_like(parameter)) for parameter in parameters]
    for parameter, place in zip(parameters, places, strict=True):
        offer_place(parameter, place)
    found = torch.autograd.grad(flow(rows(6))[0].sum(), parameters)
    assert [g.data_ptr() for g in found] == [place.whole.data_ptr() for place in places]
    assert take_place(parameters[0]) is not places[0]
    offer_place(parameters[0], places[0])
    withdraw_place(parameters[0])
    assert take_place(parameters[0]) is not places[0]


@pytest.mark.parametrize("frozen", [slice(None), slice(3)], ids=["all", "some"])
def test_parameters_that_are_not_trained(frozen):
    """Through frozen networks the gradient reaches their input, and theirs is not computed."""
    flow = made(OURS)
    x = rows(6).requires_grad_()
    by_hand = torch.autograd.grad(flow(x)[0].square().sum(), x)[0]
    for parameter in list(flow.parameters())[frozen]:
        parameter.requires_grad_(False)
    z_tilde, _ = flow(x)
    assert "Recorded" not in z_tilde.grad_fn.name()
    torch.testing.assert_close(torch.autograd.grad(z_tilde.square().sum(), x)[0], by_hand)


def test_passes_in_flight_do_not_share_memory():
    """A second pass before the first one's gradient leaves that gradient, and what came out, as it was."""
    flow = made(OURS)
    parameters = list(flow.parameters())
    codes = [flow(rows(6, seed=seed))[0] for seed in (0, 1)]
    for seed, code in enumerate(codes):
        expected = flow.plain(rows(6, seed=seed))[0]
        torch.testing.assert_close(code, expected)
        own, plain = (torch.autograd.grad(z.square().sum(), parameters) for z in (code, expected))
        for mine, theirs in zip(own, plain, strict=True):
            torch.testing.assert_close(mine, theirs)


def test_gradient_may_be_asked_for_again():
    """While no other pass came between, the gradient can be taken again; afterwards that is refused."""
    flow = made(OURS)
    weight = next(flow.parameters())
    z_tilde, _ = flow(rows(6))
    once = torch.autograd.grad(z_tilde.square().sum(), weight, retain_graph=True)[0].clone()
    again = torch.autograd.grad(z_tilde.square().sum(), weight, retain_graph=True)[0]
    assert torch.equal(once, again)
    flow(rows(6))
    with pytest.raises(RuntimeError, match="Another pass has overwritten what this gradient needs"):
        torch.autograd.grad(z_tilde.sum(), weight)


def test_memory_that_moved_is_found():
    """New memory behind parameters and buffers, or other numbers of rows, are seen by the next pass."""
    flow = made(SPECS["permuted"])
    assert_same(flow, rows(6))
    for parameter in flow.parameters():
        parameter.data = parameter.data * 1.5
    permutation = flow.transforms[2]
    permutation.forward_index = permutation.inverse_index.clone()
    permutation.inverse_index = permutation.forward_index.argsort(-1)
    for n in (6, 8):
        assert_same(flow, rows(n))


@pytest.mark.parametrize("n", [6, 7])
def test_rows_without_a_gradient_may_use_the_memory_of_updates(n):
    """With or without a fitting pass before it the result is the plain one, and that pass is over."""
    flow = made(OURS)
    z_tilde, _ = flow(rows(6))
    torch.autograd.grad(z_tilde.sum(), next(flow.parameters()), retain_graph=True)
    for own, plain in zip(moved_in_place(flow, rows(n, seed=1)), flow.plain(rows(n, seed=1)), strict=True):
        assert not own.requires_grad
        torch.testing.assert_close(own, plain)
    if n == 6:
        with pytest.raises(RuntimeError, match="Another pass has overwritten"):
            torch.autograd.grad(z_tilde.sum(), next(flow.parameters()))


@pytest.mark.parametrize("n", [50, 51])
@pytest.mark.parametrize("spec", [PUBLISHED, OURS], ids=["published", "ours"])
@pytest.mark.parametrize("blocks", [{"residual": 33, "digit": 31}, {"residual": 9, "digit": 5}], ids=str)
def test_unit_is_bitwise_the_same_alone(n, spec, blocks):
    """One IIN's values and gradients do not depend on its neighbours, for odd widths either."""
    layout = Blocks(blocks)
    wide = spec.model_copy(update={"hidden": 48})
    flow = moved(build_flow(wide, [layout] * 3, range(3)), torch.float32)
    x = rows(n, 3, dtype=torch.float32, width=layout.n_dims)
    alone = flow.unstack(1)

    def results(flow, x):
        x = x.clone().requires_grad_()
        z_tilde, log_det = flow(x)
        loss = (0.5 * z_tilde.square().sum(-1) - log_det).mean(-1).sum()
        return z_tilde, log_det, *torch.autograd.grad(loss, [x, *flow.parameters()])

    for group, own in zip(results(flow, x), results(alone, x[1:2]), strict=True):
        assert torch.equal(group[1], own[0])
