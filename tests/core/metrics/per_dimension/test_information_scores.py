"""MIG and modularity: definitions, closed forms, noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iin_core.metrics import mig, modularity
from tests.core.metrics.per_dimension import definitions
from tests.core.metrics.per_dimension.codes import factors, mixed


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_both_are_their_definitions(seed: int) -> None:
    """Scores equal plain loops over entries."""
    code, table = mixed(120, seed)
    assert mig(code, table).score == pytest.approx(definitions.mig(code, table), abs=1e-9)
    assert modularity(code, table).score == pytest.approx(definitions.modularity(code, table), abs=1e-9)


def test_a_perfect_code_and_a_doubled_one() -> None:
    """Factors as dimensions score 1; each factor twice leaves no gap but stays modular."""
    crossed = np.array([(a, b) for a in range(5) for b in range(4)])
    assert mig(crossed, crossed).score == pytest.approx(1)
    assert modularity(crossed, crossed).score == 1
    twice = np.hstack([crossed, 3.0 * crossed])
    assert mig(twice, crossed).score == pytest.approx(0)
    assert modularity(twice, crossed).score == 1


def test_a_turned_block_loses_its_gap() -> None:
    """A factor spread over two dimensions by a rotation, which changes nothing, scores lower."""
    rng = np.random.default_rng(0)
    table = factors(2000, 0)
    code = table + 0.1 * rng.normal(size=table.shape)
    block = np.hstack([code, rng.normal(size=(2000, 1))])
    angle = np.pi / 4
    turned = block.copy()
    turned[:, [0, 3]] = block[:, [0, 3]] @ [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    assert mig(turned, table).gaps[0] < mig(block, table).gaps[0] - 0.5


def test_noise_has_no_gap_but_looks_modular() -> None:
    """Modularity of noise is 0.86 with factors of 5, 9, 18, 6 values: chance information grows with them."""
    table = factors(10_000, 0, (5, 9, 18, 6))
    noise = np.random.default_rng(1).normal(size=(10_000, 10))
    assert mig(noise, table).score < 0.002
    found = modularity(noise, table)
    assert found.score == pytest.approx(0.86, abs=0.015)
    expected = 19 * (np.array([5, 9, 18, 6]) - 1) / 2 / 10_000
    assert found.mutual_information.mean(0) == pytest.approx(expected, rel=0.2)


def test_the_matrices_behind_the_scores() -> None:
    """Gaps, information and entropy have a row a dimension and a column a factor."""
    code, table = mixed()
    found = mig(code, table)
    assert found.mutual_information.shape == (6, 3)
    assert found.score == pytest.approx(found.gaps.mean())
    assert found.entropy == pytest.approx(np.log([4, 6, 3]), abs=0.02)
    assert modularity(code, table).score == pytest.approx(modularity(code, table).per_dimension.mean())
