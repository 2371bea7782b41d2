"""The front of a narrow layer: whitening and an exact way back."""

import pytest
import torch

from iin_core.errors import InputError
from iin_core.front import fit_front
from iin_core.row_reader import ArrayReader, SubsetReader
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


def test_streaming_is_the_same():
    """Rows that come in pieces, some of them skipped, give the front of the rows in memory."""
    z = rows(900, 6)
    kept = torch.arange(0, 900, 2)
    streamed = fit_front(SubsetReader(ArrayReader(z.numpy()), kept.numpy()), FlowSpec())
    whole = fit_front(z[kept], FlowSpec())
    torch.testing.assert_close(streamed.forward, whole.forward)
    torch.testing.assert_close(streamed.mean, whole.mean)
    covariance = torch.cov(z[kept].double().T)
    torch.testing.assert_close(
        whole.forward.double() @ whole.forward.double() @ covariance, torch.eye(6).double(), atol=1e-4, rtol=0
    )


def test_front_of_none_changes_nothing():
    """`front: none` hands z on as it is."""
    z = rows(30, 6)
    front = fit_front(z, FlowSpec(front="none"))
    assert torch.equal(front.apply(z), z)
    assert torch.equal(front.invert(z), z)
    assert front.remainder_coordinates(z).shape == (30, 0)


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
