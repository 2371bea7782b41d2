"""The flow: a bijection with a density, alone or stacked, before and after training."""

import pytest
import torch

from iin_core.blocks import Blocks
from iin_core.errors import InputError
from iin_core.flow import build_flow
from iin_core.objective import nll_per_dim
from iin_core.spec import FlowSpec
from iin_core.transforms import ResidualCoupling

BLOCKS = Blocks({"residual": 5, "digit": 3, "colour": 2})
SMALL = FlowSpec.published().model_copy(update={"hidden": 16, "depth": 1})
FULL = FlowSpec(couplings=2, residual_couplings=2, mixing="rotation", actnorm=False, hidden=16, nets="joint")


def moved(flow, scale=0.1):
    """A flow whose parameters are away from their start, as after training."""
    generator = torch.Generator().manual_seed(9)
    for parameter in flow.parameters():
        parameter.data += scale * torch.randn(parameter.shape, generator=generator)
    return flow


@pytest.mark.parametrize("n_dims", [2, 10, 64])
@pytest.mark.parametrize("depth", [0, 2])
def test_flow_is_invertible(n_dims, depth):
    """Decoding an encoded row gives it back, in float32, away from the start."""
    flow = moved(build_flow(SMALL.model_copy(update={"couplings": 6, "depth": depth}), n_dims, [0, 1]))
    x = torch.randn(2, 50, n_dims, generator=torch.Generator().manual_seed(2))
    z_tilde, _ = flow(x)
    torch.testing.assert_close(flow.inverse(z_tilde), x, atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize("blocks", [{"residual": 5, "digit": 5}, {"digit": 9, "residual": 1}], ids=str)
def test_flow_with_residual_couplings_is_invertible(blocks):
    """Rotations and residual couplings are undone by decoding, wherever and however wide the residual."""
    flow = moved(build_flow(FULL, [Blocks(blocks)] * 2, [0, 1]))
    x = torch.randn(2, 50, 10, generator=torch.Generator().manual_seed(2))
    z_tilde, _ = flow(x)
    torch.testing.assert_close(flow.inverse(z_tilde), x, atol=2e-4, rtol=1e-3)


def test_rotated_couplings_start_as_the_identity():
    """Without activation normalisation a rotating flow starts as the map that changes nothing."""
    x = torch.randn(2, 50, 10, generator=torch.Generator().manual_seed(2))
    z_tilde, log_det = build_flow(FULL, [BLOCKS] * 2, [0, 1])(x)
    torch.testing.assert_close(z_tilde, x, atol=1e-5, rtol=1e-5)
    assert torch.equal(log_det, torch.zeros(2, 50))


def test_residual_couplings_move_the_residual_alone():
    """What lies in the concepts' blocks passes through, and what moves the residual reads all of it."""
    couplings = [t for t in build_flow(FULL, [BLOCKS], [0]).transforms if isinstance(t, ResidualCoupling)]
    assert len(couplings) == FULL.residual_couplings
    x = torch.randn(1, 20, 10, generator=torch.Generator().manual_seed(2))
    for coupling in map(moved, couplings):
        y, _ = coupling(x)
        assert torch.equal(y[..., 5:], x[..., 5:])
        assert not torch.isclose(y[..., :5], x[..., :5]).any()
        other = x.clone()
        other[..., 9] += 1
        assert not torch.isclose(coupling(other)[0][..., :5], y[..., :5]).any()


@pytest.mark.parametrize("blocks", [10, [Blocks({"residual": 10})]], ids=["width", "no concepts"])
def test_no_residual_couplings_without_concepts(blocks):
    """Where there are no concepts there is nothing that a residual coupling could read."""
    assert not any(isinstance(t, ResidualCoupling) for t in build_flow(FULL, blocks, [0]).transforms)


def test_without_concepts_residual_couplings_mix_all_dimensions():
    """The residual is all there is: the flow is that of as many generic couplings, to the bit."""
    together = FULL.model_copy(update={"couplings": 4, "residual_couplings": 0})
    x = torch.randn(1, 5, 10)
    first, second = (build_flow(spec, [Blocks({"residual": 10})], [0]) for spec in (FULL, together))
    assert torch.equal(first(x)[0], second(x)[0])


def test_residuals_in_different_places_are_not_stacked():
    """IINs whose residuals differ in place cannot share residual couplings."""
    with pytest.raises(ValueError, match="residuals lie in different places"):
        build_flow(FULL, [BLOCKS, Blocks({"residual": 4, "digit": 6})], [0, 1])


def test_density_integrates_to_one():
    """The density of a flow on the plane has a total mass of 1."""
    flow = moved(build_flow(SMALL.model_copy(update={"couplings": 4}), 2, [0]), 0.3).double()
    side = torch.linspace(-12, 12, 601, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)[None]
    with torch.no_grad():
        log_density = -nll_per_dim(*flow(grid)) * 2 - torch.log(torch.tensor(2 * torch.pi))
    mass = log_density.exp().sum() * (side[1] - side[0]) ** 2
    assert abs(float(mass) - 1) < 1e-2


def test_start_is_a_shuffle():
    """Couplings start at the identity: an untrained flow only moves values around."""
    flow = build_flow(SMALL, 6, [4])
    x = torch.randn(1, 5, 6, generator=torch.Generator().manual_seed(0))
    z_tilde, log_det = flow(x)
    torch.testing.assert_close(z_tilde.sort(-1).values, x.sort(-1).values)
    assert torch.equal(log_det, torch.zeros(1, 5))


@pytest.mark.parametrize("spec", [SMALL, FULL], ids=["permuted", "rotated"])
def test_unstacked_flow_is_the_same(spec):
    """One IIN taken out of a stack computes bit for bit what it computed inside."""
    flow = moved(build_flow(spec, [Blocks({"residual": 5, "digit": 3})] * 3, [0, 1, 2]))
    x = torch.randn(3, 16, 8, generator=torch.Generator().manual_seed(0))
    z_tilde, log_det = flow(x)
    alone, alone_log_det = flow.unstack(1)(x[1:2])
    assert torch.equal(alone[0], z_tilde[1])
    assert torch.equal(alone_log_det[0], log_det[1])


@pytest.mark.parametrize("n_dims", [1, 7])
def test_odd_width_is_refused(n_dims):
    """An odd number of dimensions cannot be halved, and the message says so."""
    with pytest.raises(InputError, match=f"even number of dimensions, not {n_dims}"):
        build_flow(FlowSpec(), n_dims, [0])
