"""The front: whitening, exact ways back, and a remainder that an edit leaves alone."""

import pytest
import torch

from iin_core.errors import InputError
from iin_core.front import fit_front
from iin_core.spec import FlowSpec


def rows(n, n_features, rank=None):
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(n, rank or n_features, generator=generator)
    return 5 + z @ torch.randn(rank or n_features, n_features, generator=generator)


def test_full_width_is_whitened_and_exact():
    """Behind the front of a narrow layer the rows are white, and the way back is exact."""
    z = 5 + torch.randn(2000, 12, generator=torch.Generator().manual_seed(0)) * torch.linspace(0.5, 3, 12)
    front = fit_front(z, FlowSpec())
    x = front.apply(z)
    assert front.n_dims == 12
    covariance = torch.cov(x.T)
    torch.testing.assert_close(covariance, torch.eye(12), atol=1e-3, rtol=0)
    torch.testing.assert_close(front.invert(x), z, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(torch.linalg.slogdet(front.forward)[1], torch.tensor(front.log_det))


def test_wide_layer_keeps_the_principal_part():
    """A layer wider than the front keeps as many coordinates as asked and says how much they explain."""
    z = rows(500, 40)
    front = fit_front(z, FlowSpec(front_dims=8))
    assert front.forward.shape == (40, 8)
    assert 0.3 < front.explained < 1
    kept = torch.linalg.eigvalsh(torch.cov(z.T)).flip(0)
    assert front.explained == pytest.approx(float(kept[:8].sum() / kept.sum()), rel=1e-4)


def test_remainder_is_left_as_it_is():
    """With the rows at hand the way back is exact also where the front keeps only a part."""
    z = rows(500, 40)
    front = fit_front(z, FlowSpec(front_dims=8))
    x = front.apply(z)
    assert torch.equal(front.invert(x, like=z), z)
    moved = front.invert(x + 1, like=z)
    torch.testing.assert_close(front.apply(moved), x + 1, atol=1e-3, rtol=1e-3)
    across = torch.eye(40) - front.forward @ front.backward
    torch.testing.assert_close((moved - z) @ across, torch.zeros_like(z), atol=1e-3, rtol=0)


def test_directions_without_variance_are_left_out():
    """Dead features do not reach the flow, and the number of kept directions is even."""
    z = rows(300, 10, rank=7)
    front = fit_front(z, FlowSpec())
    assert front.n_dims == 6
    torch.testing.assert_close(front.invert(front.apply(z), like=z), z)


def test_constant_layer_is_refused():
    """A layer that gives the same row for everything cannot be studied."""
    with pytest.raises(InputError, match="vary in 0 directions"):
        fit_front(torch.ones(20, 4), FlowSpec())
