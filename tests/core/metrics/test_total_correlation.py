"""Gaussian total correlation of blocks: closed forms, invariance, bias."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from iin_core.blocks import Blocks
from iin_core.errors import InputError
from iin_core.metrics import gaussian_total_correlation

BLOCKS = Blocks({"residual": 3, "digit": 2, "colour": 1})


def _by_definition(code: np.ndarray) -> float:
    covariance = np.cov(code.T)
    parts = [np.linalg.det(np.atleast_2d(covariance[place, place])) for place in BLOCKS.values()]
    return 0.5 * (sum(map(math.log, parts)) - math.log(np.linalg.det(covariance)))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_it_is_its_definition_and_invariant_inside_blocks(seed: int) -> None:
    """Equal to determinants of covariances, before and after an invertible map of each block."""
    rng = np.random.default_rng(seed)
    code = rng.normal(size=(60, 6)) @ rng.normal(size=(6, 6))
    expected = _by_definition(code)
    assert gaussian_total_correlation(code, BLOCKS) == pytest.approx(expected, abs=1e-8)
    mapped = code + 50.0
    for place in BLOCKS.values():
        mapped[:, place] = code[:, place] @ (rng.normal(size=(place.stop - place.start,) * 2) + 2)
    assert gaussian_total_correlation(mapped, BLOCKS) == pytest.approx(expected, abs=1e-6)


def test_two_correlated_numbers() -> None:
    """Correlation ρ is −½ log(1 − ρ²) nats; a tensor is read like an array."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 20_000))
    code = torch.tensor(np.stack([a, 0.6 * a + 0.8 * b], axis=1), dtype=torch.float32)
    found = gaussian_total_correlation(code, Blocks({"residual": 1, "digit": 1}))
    assert found == pytest.approx(-0.5 * math.log(1 - 0.36), abs=0.01)


def test_the_correction_takes_the_bias_away() -> None:
    """Independent blocks measure too much by Σ d_b d_c / 2n; corrected they have 0 on average."""
    rng = np.random.default_rng(0)
    codes = [rng.normal(size=(50, 6)) for _ in range(300)]
    plain = np.array([gaussian_total_correlation(code, BLOCKS) for code in codes])
    corrected = np.array([gaussian_total_correlation(code, BLOCKS, corrected=True) for code in codes])
    assert plain.mean() == pytest.approx((3 * 2 + 3 + 2) / 100, rel=0.15)
    assert abs(corrected.mean()) < 4 * corrected.std() / math.sqrt(300)


def test_blocks_that_determine_each_other_and_dead_directions() -> None:
    """A linear relation between blocks is infinite, one inside a block is nothing."""
    rng = np.random.default_rng(0)
    code = rng.normal(size=(100, 6))
    code[:, 2] = code[:, 0] - code[:, 1]
    code[:, 4] = 7.0
    found = gaussian_total_correlation(code, BLOCKS)
    smaller = gaussian_total_correlation(
        code[:, [0, 1, 3, 5]], Blocks({"residual": 2, "digit": 1, "colour": 1})
    )
    assert found == pytest.approx(smaller, abs=1e-9)
    code[:, 5] = code[:, 0] + code[:, 3]
    assert gaussian_total_correlation(code, BLOCKS) == math.inf


def test_too_few_rows_are_refused() -> None:
    """As many rows as dimensions have no covariance of full rank."""
    with pytest.raises(InputError, match="no covariance of full rank over 6 dimensions"):
        gaussian_total_correlation(np.zeros((6, 6)), BLOCKS)
