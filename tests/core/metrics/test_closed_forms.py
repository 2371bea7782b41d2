"""Prior fit, exactness, distance correlation, quintiles, intervals: against closed forms."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from iin_core.blocks import Blocks
from iin_core.errors import InputError
from iin_core.metrics import (
    distance_correlation,
    identity_error,
    invertibility_error,
    prior_fit,
    quintiles,
)
from iin_core.metrics.bootstrap import interval, source_means


def test_prior_fit_of_known_columns() -> None:
    """Means and deviations are root mean squares over a block's dimensions."""
    column = torch.tensor([-1.0, 1.0, -1.0, 1.0])
    code = torch.stack([column, 3 * column + 2, 2 * column], 1)
    residual, digit = prior_fit(code, Blocks({"residual": 2, "digit": 1}))
    assert (residual.mean, residual.std) == pytest.approx((2 / 2**0.5, 5**0.5))
    assert (residual.std_low, residual.std_high) == (1, 3)
    assert (digit.mean, digit.std, digit.distance) == pytest.approx((0, 2, np.log(2)))


class _Lossy:
    blocks = Blocks({"residual": 2})

    def encode(self, z: torch.Tensor) -> torch.Tensor:
        return z.round()

    def decode(self, z_tilde: torch.Tensor, like: torch.Tensor | None = None) -> torch.Tensor:
        return z_tilde


def test_invertibility_error_is_the_largest_loss() -> None:
    """Rounding to integers loses what the worst entry loses."""
    assert invertibility_error(_Lossy(), np.array([[0.1, 2.0], [1.4, 3.0]])) == pytest.approx(0.4)


def test_identity_error_is_the_largest_difference() -> None:
    """Outputs of half precision are compared as float32."""
    a, b = torch.zeros(2, 3, dtype=torch.bfloat16), torch.tensor([[0, 0, 0], [0, -0.5, 0.25]])
    assert identity_error(a, b) == 0.5


def _by_definition(x: np.ndarray, y: np.ndarray) -> float:
    n = len(x)

    def centred(v: np.ndarray) -> np.ndarray:
        d = np.array([[np.linalg.norm(a - b) for b in v] for a in v])
        u = np.zeros((n, n))
        for i in range(n):
            for j in range(n):
                if i != j:
                    u[i, j] = (
                        d[i, j] - d[i].sum() / (n - 2) - d[:, j].sum() / (n - 2) + d.sum() / (n - 1) / (n - 2)
                    )
        return u

    a, b = centred(x), centred(y)
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(4, 12))
def test_distance_correlation_is_its_definition(seed: int, n: int) -> None:
    """The fast form equals the definition, entry by entry."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, 3)), rng.normal(size=(n, 2))
    assert distance_correlation(x, y) == pytest.approx(_by_definition(x, y), abs=1e-9)


def test_distance_correlation_of_equal_and_of_independent_vectors() -> None:
    """It is 1 for a moved and turned copy, 0 on average for independence, above it for y = ±x."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 5))
    turn, _ = np.linalg.qr(rng.normal(size=(5, 5)))
    assert distance_correlation(x, 3 * x @ turn + 1) == pytest.approx(1)
    drawn = [distance_correlation(rng.normal(size=(40, 8)), rng.normal(size=(40, 8))) for _ in range(100)]
    assert abs(np.mean(drawn)) < 0.02
    sign = rng.choice([-1, 1], size=400)
    a = rng.normal(size=400)
    assert distance_correlation(a, np.abs(a) * sign) > 0.05
    assert distance_correlation(np.ones(10), np.arange(10)) == 0


def test_distance_correlation_needs_matching_rows() -> None:
    """Rows that do not match are refused with both numbers."""
    with pytest.raises(InputError, match="not 5 and 6"):
        distance_correlation(np.zeros((5, 1)), np.zeros((6, 1)))


def test_quintiles_are_fifths() -> None:
    """Distinct values fall into five equal classes in order; ties share one."""
    assert quintiles(np.arange(100.0)).tolist() == np.repeat(np.arange(5), 20).tolist()
    for n_low in (90, 10):
        tied = np.array([0.0] * n_low + [1.0] * (100 - n_low))
        assert quintiles(tied).tolist() == tied.tolist()
    assert quintiles(np.ones(4)).tolist() == [0] * 4
    assert quintiles(np.array([np.nan, *np.arange(5.0)])).tolist() == [-1, 0, 1, 2, 3, 4]
    assert quintiles(np.array([np.nan, np.nan])).tolist() == [-1, -1]


def test_the_interval_has_the_width_of_sources_not_of_rows() -> None:
    """Repeating each source's row ten times leaves the interval as wide as theory says for sources."""
    rng = np.random.default_rng(0)
    right = (rng.random(400) < 0.8).astype(float)
    rows = np.repeat(right, 10)[:, None]
    source = np.repeat(np.arange(400), 10)
    samples = source_means(rows, source, source % 2, draws=2000, seed=0)
    low, high = interval(samples[:, 0])
    expected = 2 * 1.96 * np.sqrt(right.var() / 400)
    assert high - low == pytest.approx(expected, rel=0.15)
    assert low < right.mean() < high
    assert interval(samples[:0, 0]) == (None, None)


def test_many_sources_are_drawn_in_groups() -> None:
    """Of five thousand sources the interval is as wide as theory says for five thousand."""
    rng = np.random.default_rng(0)
    right = (rng.random(5000) < 0.8).astype(float)
    samples = source_means(right[:, None], np.arange(5000), np.zeros(5000), draws=2000, seed=0)
    low, high = interval(samples[:, 0])
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(right.var() / 5000), rel=0.1)


def test_rows_without_a_value_are_left_out_of_a_mean() -> None:
    """NaN takes a row out: the means are those of the other rows alone, whatever it stands beside."""
    rng = np.random.default_rng(0)
    values = rng.random((300, 2))
    source = np.arange(300) // 3
    lost = rng.random(300) < 0.3
    values[lost, 1] = np.nan
    together = source_means(values, source, np.zeros(300), draws=500, seed=0)
    whole = source_means(values[:, :1], source, np.zeros(300), draws=500, seed=0)
    assert np.allclose(together[:, 0], whole[:, 0])
    assert together[:, 1].mean() == pytest.approx(values[~lost, 1].mean(), abs=5e-3)
    nothing = source_means(np.full((4, 1), np.nan), [0, 0, 1, 1], np.zeros(4), draws=3, seed=0)
    assert interval(nothing[:, 0]) == (None, None)
