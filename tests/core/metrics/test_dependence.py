"""Distance correlation and HSIC with their permutation tests over sources."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iin_core.errors import InputError
from iin_core.metrics import distance_correlation, distance_correlation_test, hsic, hsic_test
from iin_core.metrics.permutation import permuted_rows


def _hsic_by_definition(x: np.ndarray, y: np.ndarray) -> float:
    """Mean over all ordered quadruples of different rows: k_ij l_ij + k_ij l_qr − 2 k_ij l_iq."""

    def kernel(v: np.ndarray) -> np.ndarray:
        d = np.array([[np.linalg.norm(a - b) for b in v] for a in v])
        width = np.median([d[i, j] for i in range(len(v)) for j in range(i)])
        return np.exp(-(d**2) / (2 * width**2))

    k, m, n = kernel(x), kernel(y), len(x)
    terms = [
        k[i, j] * m[i, j] + k[i, j] * m[q, r] - 2 * k[i, j] * m[i, q]
        for i in range(n)
        for j in range(n)
        for q in range(n)
        for r in range(n)
        if len({i, j, q, r}) == 4
    ]
    return float(np.mean(terms))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(4, 7))
def test_hsic_is_its_definition(seed: int, n: int) -> None:
    """The fast form equals the U-statistic over quadruples of rows."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, 3)), rng.normal(size=(n, 2))
    assert hsic(x, y) == pytest.approx(_hsic_by_definition(x, y), abs=1e-12)


def test_hsic_is_zero_for_independence_and_sees_what_correlation_misses() -> None:
    """Its mean over independent draws is 0; y = x² is found; scale and place do not matter."""
    rng = np.random.default_rng(0)
    drawn = [hsic(rng.normal(size=(40, 4)), rng.normal(size=(40, 2))) for _ in range(100)]
    assert abs(np.mean(drawn)) < 3 * np.std(drawn) / 10
    x = rng.normal(size=(200, 1))
    assert hsic(x, x**2) > 0.01
    assert hsic(1000 + 5 * x, x**2) == pytest.approx(hsic(x, x**2), rel=1e-6)
    assert hsic(np.ones((10, 2)), np.arange(10)) == 0


@pytest.mark.parametrize(
    ("test", "value"), [(distance_correlation_test, distance_correlation), (hsic_test, hsic)]
)
def test_the_p_value_tells_dependence_from_none(test, value) -> None:
    """Dependent vectors get the smallest p-value, with the value above the permuted 95 % quantile."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 2))
    y = x[:, :1] ** 2 + 0.3 * rng.normal(size=(120, 1))
    found = test(x, y, permutations=99)
    assert found.p_value == 0.01
    assert found.score.value == pytest.approx(value(x, y))
    assert found.control_high < found.score.low < found.score.value < found.score.high
    assert abs(found.score.control) < found.control_high
    assert (found.score.chance, found.score.n) == (0, 120)


def _p_values(source_matters: bool) -> list[float]:
    values = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        source = np.repeat(np.arange(12), 4)
        x, y = (rng.normal(size=12)[source] + 0.1 * rng.normal(size=48) for _ in range(2))
        of_row = source if source_matters else None
        values.append(distance_correlation_test(x, y, of_row, permutations=39, seed=seed).p_value)
    return values


def test_rows_of_a_source_stay_together() -> None:
    """Where rows of a source are alike, exchanging rows finds dependence that is not there."""
    over_sources, over_rows = np.array(_p_values(True)), np.array(_p_values(False))
    assert (over_sources <= 0.1).mean() < 0.25
    assert (over_rows <= 0.1).mean() > 0.4
    assert over_sources.mean() == pytest.approx(0.5, abs=0.15)


def test_orders_exchange_sources_of_equal_size() -> None:
    """Each order is a permutation that maps sources onto whole sources with as many rows."""
    source = np.array([3, 0, 0, 1, 1, 2, 2, 3, 4, 5, 5, 5])
    orders = list(permuted_rows(source, 30, seed=0))
    for order in orders:
        assert sorted(order.tolist()) == list(range(12))
        for name in range(6):
            donors = source[order[source == name]]
            assert len(set(donors)) == 1
            assert (source == donors[0]).sum() == (source == name).sum()
    assert len({tuple(order) for order in orders}) > 20
    assert orders[0].tolist() == next(permuted_rows(source, 1, seed=0)).tolist()


def test_too_few_sources_of_equal_size_are_refused() -> None:
    """Without sources to exchange there is no test, and the message says what to do."""
    source = np.repeat(np.arange(4), [1, 2, 3, 4])
    with pytest.raises(InputError, match=r"4 sources with \[1, 2, 3, 4\] rows allow too few") as e:
        distance_correlation_test(np.arange(10), np.arange(10), source)
    assert "same number of rows" in e.value.fix
