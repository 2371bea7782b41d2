"""The hand-written gradient of an affine step is the one that autograd gives, whatever it is used for."""

import pytest
import torch

from iin_core.transforms import NetShape
from iin_core.transforms.affine_step import move, plain_move
from iin_core.transforms.conditioner import Conditioner
from iin_core.transforms.gradient_place import make_place, offer_place, take_place, withdraw_place

SHAPES = [NetShape(hidden, depth, joint) for hidden, depth in ((7, 0), (6, 2)) for joint in (False, True)]


def conditioner(shape, n_in=4, n_out=3, stack=2, dtype=torch.float64):
    net = Conditioner(n_in, n_out, shape, [torch.Generator().manual_seed(k) for k in range(stack)])
    noise = torch.Generator().manual_seed(5)
    for parameter in net.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, generator=noise)
    return net.to(dtype)


def rows(n, width, stack=2, seed=0, dtype=torch.float64):
    return torch.randn(stack, n, width, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def gradients(step, net, u, v):
    """Of a loss that weighs all that comes out, by u, v and all parameters."""
    u, v = u.clone().requires_grad_(), v.clone().requires_grad_()
    moved, log_det = step(net, u, v)
    loss = (moved * rows(*moved.shape[1:], seed=8, dtype=v.dtype)).sin().sum() + log_det.square().sum()
    return torch.autograd.grad(loss, [u, v, *net.parameters()])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gradient_is_that_of_finite_differences(shape):
    """In float64 the gradient by inputs and parameters agrees with differences of the function."""
    net = conditioner(shape)
    u, v = rows(5, 4).requires_grad_(), rows(5, 3, seed=1).requires_grad_()
    parameters = net.tensors()
    assert torch.autograd.gradcheck(lambda u, v, *_: move(net, u, v), (u, v, *parameters))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_gradient_is_that_of_autograd(shape, dtype):
    """Value and gradients are those that autograd derives from the plain formula."""
    net, u, v = conditioner(shape, dtype=dtype), rows(9, 4, dtype=dtype), rows(9, 3, seed=1, dtype=dtype)
    for own, plain in zip(move(net, u, v), plain_move(net, u, v), strict=True):
        torch.testing.assert_close(own, plain)
    for own, plain in zip(gradients(move, net, u, v), gradients(plain_move, net, u, v), strict=True):
        torch.testing.assert_close(own, plain, rtol=1e-5, atol=1e-5 if dtype == torch.float32 else 1e-12)


def twice(step, net):
    """A loss that uses the networks twice in one graph."""
    once, log_det = step(net, rows(6, 4), rows(6, 3, seed=1))
    again, _ = step(net, rows(6, 4, seed=2), once)
    return again.square().sum() + log_det.sum()


@pytest.mark.parametrize("offered", [False, True])
def test_networks_used_twice_add_their_gradients(offered):
    """Two passes through one network in one graph give the sum of both gradients, offered memory or not."""
    net = conditioner(SHAPES[2])
    parameters = list(net.parameters())
    if offered:
        for parameter in parameters:
            offer_place(parameter, make_place(torch.full_like(parameter, torch.nan)))
    own = torch.autograd.grad(twice(move, net), parameters)
    plain = torch.autograd.grad(twice(plain_move, net), parameters)
    for mine, theirs in zip(own, plain, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_gradients_are_written_where_they_are_wanted():
    """A gradient lies in the memory that was offered for it, and an offer holds for one gradient."""
    net = conditioner(SHAPES[3])
    parameters = list(net.parameters())
    places = [make_place(torch.empty_like(parameter)) for parameter in parameters]
    for parameter, place in zip(parameters, places, strict=True):
        offer_place(parameter, place)
    moved, _ = move(net, rows(6, 4), rows(6, 3))
    found = torch.autograd.grad(moved.sum(), parameters)
    assert [g.data_ptr() for g in found] == [place.whole.data_ptr() for place in places]
    assert take_place(parameters[0]) is not places[0]
    offer_place(parameters[0], places[0])
    withdraw_place(parameters[0])
    assert take_place(parameters[0]) is not places[0]


def test_networks_that_are_not_trained_pass_gradients_on():
    """Through frozen networks the gradient reaches their input, and theirs is not computed."""
    net = conditioner(SHAPES[2])
    u, v = rows(6, 4).requires_grad_(), rows(6, 3).requires_grad_()
    by_hand = torch.autograd.grad(move(net, u, v)[0].square().sum(), [u, v])
    moved, _ = move(net.requires_grad_(False), u, v)
    assert "Move" not in moved.grad_fn.name()
    for own, other in zip(torch.autograd.grad(moved.square().sum(), [u, v]), by_hand, strict=True):
        torch.testing.assert_close(own, other)


def test_passes_in_flight_do_not_share_memory():
    """A second pass before the first one's gradient leaves that gradient as it was."""
    net = conditioner(SHAPES[2])
    parameters = list(net.parameters())
    first, second = (move(net, rows(6, 4, seed=s), rows(6, 3))[0].square().sum() for s in (0, 1))
    for seed, loss in enumerate((first, second)):
        plain = plain_move(net, rows(6, 4, seed=seed), rows(6, 3))[0].square().sum()
        for own, other in zip(
            torch.autograd.grad(loss, parameters), torch.autograd.grad(plain, parameters), strict=True
        ):
            torch.testing.assert_close(own, other)


def test_gradient_may_be_asked_for_again():
    """While no other pass came between, the gradient can be taken again; afterwards that is refused."""
    net = conditioner(SHAPES[2])
    moved, _ = move(net, rows(6, 4), rows(6, 3))
    once = torch.autograd.grad(moved.sum(), net.weights[0], retain_graph=True)[0].clone()
    again = torch.autograd.grad(moved.sum(), net.weights[0], retain_graph=True)[0]
    assert torch.equal(once, again)
    move(net, rows(6, 4), rows(6, 3))
    with pytest.raises(RuntimeError, match="Another pass has overwritten what this gradient needs"):
        torch.autograd.grad(moved.sum(), net.weights[0])


def test_parameters_that_moved_are_found():
    """New memory behind the parameters, or other numbers of rows, are seen by the next pass."""
    net = conditioner(SHAPES[2])
    before = gradients(move, net, rows(6, 4), rows(6, 3))
    for parameter in net.parameters():
        parameter.data = parameter.data * 1.5
    for n in (6, 8):
        after = gradients(move, net, rows(n, 4), rows(n, 3))
        plain = gradients(plain_move, net, rows(n, 4), rows(n, 3))
        for own, other in zip(after, plain, strict=True):
            torch.testing.assert_close(own, other)
    assert not torch.equal(before[2], after[2])


@pytest.mark.parametrize(("n", "n_in", "n_out"), [(51, 33, 31), (50, 32, 32), (7, 5, 1)])
@pytest.mark.parametrize("joint", [False, True])
def test_unit_is_bitwise_the_same_alone(n, n_in, n_out, joint):
    """One IIN's values and gradients do not depend on its neighbours, for odd widths either."""
    net = conditioner(NetShape(48, 1, joint), n_in, n_out, stack=3, dtype=torch.float32)
    u, v = rows(n, n_in, 3, dtype=torch.float32), rows(n, n_out, 3, seed=1, dtype=torch.float32)
    alone = Conditioner(n_in, n_out, NetShape(48, 1, joint), [torch.Generator()])
    alone.load_state_dict({name: value[1:2] for name, value in net.state_dict().items()})

    def results(net, u, v):
        u = u.clone().requires_grad_()
        moved, log_det = move(net, u, v)
        loss = (0.5 * moved.square().sum(-1) - log_det).mean(-1).sum()
        return moved, log_det, *torch.autograd.grad(loss, [u, *net.parameters()])

    for group, own in zip(results(net, u, v), results(alone, u[1:2], v[1:2]), strict=True):
        assert torch.equal(group[1], own[0])
