"""The Fréchet distance of features."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from iin_core.errors import InputError
from iin_core.metrics.frechet import Moments, feature_moments, frechet, frechet_distance


def _covariance(generator: np.random.Generator, width: int, rank: int) -> torch.Tensor:
    factor = torch.from_numpy(generator.normal(size=(width, rank)))
    return factor @ factor.T / rank


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), width=st.integers(1, 6))
def test_of_commuting_covariances_it_has_the_closed_form(seed: int, width: int) -> None:
    """In common axes it is the squared shift and the squared differences of the deviations."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(width, width)))[0]
    shift, first, second = rng.normal(size=width), rng.uniform(0, 3, width), rng.uniform(0, 3, width)
    a, b = (torch.from_numpy(axes * deviation**2 @ axes.T) for deviation in (first, second))
    found = frechet(Moments(torch.zeros(width).double(), a), Moments(torch.from_numpy(shift), b))
    assert found == pytest.approx((shift**2).sum() + ((first - second) ** 2).sum(), abs=1e-9)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), rank=st.integers(1, 5))
def test_of_any_covariances_it_is_that_of_the_matrix_root(seed: int, rank: int) -> None:
    """The trace of the root is that of the roots of the product's eigenvalues, ranks missing or not."""
    rng = np.random.default_rng(seed)
    a, b = _covariance(rng, 5, rank), _covariance(rng, 5, 5)
    mean = torch.from_numpy(rng.normal(size=5))
    roots = np.sqrt(np.linalg.eigvals((a @ b).numpy()).astype(complex)).real.sum()
    expected = float(mean.square().sum() + a.trace() + b.trace()) - 2 * roots
    found = frechet(Moments(mean, a), Moments(torch.zeros(5).double(), b))
    assert found == pytest.approx(expected, abs=1e-6)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), rank=st.integers(1, 4))
def test_it_is_zero_of_itself_and_symmetric(seed: int, rank: int) -> None:
    """Also where covariances have no full rank, and never negative."""
    rng = np.random.default_rng(seed)
    a = Moments(torch.from_numpy(rng.normal(size=4)), _covariance(rng, 4, rank))
    b = Moments(torch.from_numpy(rng.normal(size=4)), _covariance(rng, 4, rank))
    assert frechet(a, a) == pytest.approx(0, abs=1e-12)
    assert frechet(a, b) == pytest.approx(frechet(b, a), rel=1e-9)
    assert frechet(a, b) > 0


def test_of_samples_of_one_distribution_it_is_a_bias_that_falls_as_one_over_n() -> None:
    """Four times the rows leave about a quarter of it: distances of unequal n say nothing."""
    rng = np.random.default_rng(0)
    found = [np.mean([frechet_distance(*rng.normal(size=(2, n, 8))) for _ in range(10)]) for n in (200, 800)]
    assert found[0] > 0.05
    assert 3 < found[0] / found[1] < 5


def test_orthogonal_maps_of_the_features_change_nothing() -> None:
    """A turn and a shift of both sets leave the distance as it was."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 100, 5))
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    assert frechet_distance(a @ turn + 3, b @ turn + 3) == pytest.approx(frechet_distance(a, b))


def test_fewer_rows_than_features_are_refused() -> None:
    """The message says how many rows there should be."""
    with pytest.raises(InputError, match=r"distance of 7 rows in 8 features has no meaning") as caught:
        feature_moments(np.zeros((7, 8)))
    assert "at least 8 rows" in caught.value.fix


def test_features_that_are_no_finite_rows_of_one_width_are_refused() -> None:
    """Shapes, NaN and widths are named."""
    rows = np.random.default_rng(0).normal(size=(10, 3))
    with pytest.raises(InputError, match=r"shape \(n, D\), these have \(10, 3, 1\)"):
        feature_moments(rows[..., None])
    with pytest.raises(InputError, match="1 of 10 rows of features are not finite"):
        feature_moments(np.where(np.arange(30).reshape(10, 3) == 4, np.nan, rows))
    with pytest.raises(InputError, match="have 3 and 2 dimensions"):
        frechet_distance(rows, rows[:, :2])
