"""Canonical coordinates of a block."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from iin_core.metrics.whiten import whiten


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), width=st.integers(1, 8))
def test_an_invertible_linear_map_changes_nothing(seed: int, width: int) -> None:
    """Rows and rows mapped by any well-conditioned matrix whiten to the same numbers."""
    rng = np.random.default_rng(seed)
    rows = rng.gamma(2.0, size=(300, width))
    turn, _ = np.linalg.qr(rng.normal(size=(width, width)))
    matrix = turn * rng.uniform(0.5, 2, width)
    a, b = whiten(torch.from_numpy(rows)), whiten(torch.from_numpy(rows @ matrix + 5))
    assert torch.allclose(a, b, atol=1e-2)
    assert torch.allclose(a.T @ a / 300, torch.eye(width), atol=1e-4)


def test_directions_without_variance_are_left_out() -> None:
    """A constant and a repeated column add no dimension and no rounding noise."""
    x = torch.randn(100, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert whiten(torch.cat([x, x[:, :1], torch.ones(100, 1)], 1)).shape == (100, 2)
