"""A normal distribution with full covariance on activations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal

from iin_core.errors import InputError
from iin_core.gaussian import fit_gaussian


def _rows(n: int, width: int) -> torch.Tensor:
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.normal(size=(n, width)) @ rng.normal(size=(width, width)) + 5).float()


def test_its_density_is_that_of_the_rows_mean_and_covariance() -> None:
    """As torch's own distribution has it."""
    z = _rows(300, 6)
    own = MultivariateNormal(z.double().mean(0), torch.cov(z.double().T))
    assert torch.allclose(fit_gaussian(z).log_prob(z[:9]), own.log_prob(z[:9].double()), atol=1e-3)


def test_its_samples_have_the_rows_moments_and_come_again_with_the_seed() -> None:
    """Mean and covariance within what 40,000 draws leave open."""
    z = _rows(300, 4)
    gaussian = fit_gaussian(z)
    drawn = gaussian.sample(40_000, seed=1)
    scale = float(z.std(0).max())
    assert torch.allclose(drawn.mean(0), z.mean(0), atol=0.03 * scale)
    assert torch.allclose(torch.cov(drawn.T), torch.cov(z.T), atol=0.05 * scale**2)
    assert torch.equal(drawn, gaussian.sample(40_000, seed=1))
    assert not torch.equal(drawn, gaussian.sample(40_000, seed=2))


def test_directions_without_variance_stay_put() -> None:
    """A constant column is sampled within a thousandth of the largest deviation."""
    z = torch.cat([_rows(50, 3), torch.ones(50, 1)], 1)
    drawn = fit_gaussian(z).sample(100)
    assert (drawn[:, 3] - 1).abs().max() < 5e-3 * z.std(0).max()


def test_rows_that_are_none_are_refused() -> None:
    """A single row, other shapes and NaN."""
    for wrong in (torch.zeros(1, 3), torch.zeros(5), torch.full((5, 3), torch.nan)):
        with pytest.raises(InputError, match=r"several finite rows \(n, N\)"):
            fit_gaussian(wrong)
