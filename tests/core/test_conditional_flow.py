"""A conditional flow is a density of z̄ for every z, and stacks like any other."""

import pytest
import torch

from iin_core.conditional_flow import build_conditional_flow
from iin_core.conditional_spec import ConditionalFlowSpec
from iin_core.errors import InputError

SPEC = ConditionalFlowSpec(couplings=2, hidden=8, embedding=4, embedding_hidden=8)


def _moved(flow, seed=3):
    """Away from the start, where couplings are the identity."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in flow.parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
    return flow


def _rows(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("mixing", ["rotation", "permutation"])
def test_the_way_back_and_the_determinant(mixing):
    """[v | z] gives z̄ back, and log|det| is that of the Jacobian by z̄ alone."""
    spec = SPEC.model_copy(update={"mixing": mixing, "actnorm": mixing == "permutation"})
    flow = build_conditional_flow(spec, 4, 3, [0, 1])
    x = _rows(2, 30, 7)
    flow.initialize(x)
    flow = _moved(flow).double()
    x = x.double()
    v, log_det = flow(x)
    back = flow.inverse(torch.cat((v, x[..., 4:]), -1))
    torch.testing.assert_close(back, x[..., :4], atol=1e-5, rtol=1e-5)  # rotations are single

    def one(row):
        padded = x[:, :1].clone()
        padded[0, 0, :4] = row
        return flow(padded)[0][0, 0]

    jacobian = torch.autograd.functional.jacobian(one, x[0, 0, :4])
    torch.testing.assert_close(torch.linalg.slogdet(jacobian)[1], log_det[0, 0], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_density_integrates_to_one_for_every_condition():
    """On a grid in two dimensions, for two conditions that change it."""
    flow = _moved(build_conditional_flow(SPEC, 2, 3, [0]))
    axis = torch.linspace(-9, 9, 400)
    grid = torch.cartesian_prod(axis, axis)
    densities = []
    for z in (torch.zeros(3), torch.full((3,), 2.0)):
        v, log_det = flow(torch.cat((grid, z.expand(len(grid), 3)), 1)[None])
        log_p = log_det[0] - 0.5 * v[0].square().sum(1) - torch.log(torch.tensor(2 * torch.pi))
        densities.append(log_p.exp())
        assert float(log_p.exp().sum() * (axis[1] - axis[0]) ** 2) == pytest.approx(1, abs=2e-3)
    assert (densities[0] - densities[1]).abs().max() > 1e-3


def test_flows_of_a_stack_do_not_mix():
    """Each flow is the same alone and beside others, and what happens to one is not seen by them."""
    x = _rows(2, 10, 7)
    both = build_conditional_flow(SPEC, 4, 3, [5, 6])
    alone = build_conditional_flow(SPEC, 4, 3, [6])
    torch.testing.assert_close(both(x)[0][1:], alone(x[1:])[0], atol=1e-6, rtol=1e-6)
    before = both(x)[0]
    x[0] += 1
    assert torch.equal(both(x)[0][1], before[1])
    own = both.unstack(1)
    torch.testing.assert_close(own(x[1:])[0], before[1:], atol=1e-6, rtol=1e-6)


def test_an_odd_code_is_refused():
    """The couplings halve z̄."""
    with pytest.raises(InputError, match="even number of dimensions, not 5"):
        build_conditional_flow(SPEC, 5, 3, [0])
