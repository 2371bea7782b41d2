"""FactorVAE's and BetaVAE's scores, and the batches that they are counted on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iin_core.errors import InputError
from iin_core.metrics import (
    RowSamples,
    batches_holding_a_factor,
    beta_vae_score,
    factor_vae_score,
    paired_batches_holding_a_factor,
)
from tests.core.metrics.per_dimension import definitions
from tests.core.metrics.per_dimension.codes import factors, mixed

COUNTS = {"n_train": 80, "n_test": 60}


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_batches_hold_their_factor(seed: int) -> None:
    """All rows of a batch, or both rows of each pair, have one value of the factor that is named."""
    table = factors(50, seed)
    single = batches_holding_a_factor(table, batch=5, seed=seed, **COUNTS)
    assert single.train_rows.shape == (80, 5)
    for j, rows in zip(single.test_factor, single.test_rows, strict=True):
        assert len(set(table[rows, j])) == 1
    paired = paired_batches_holding_a_factor(table, batch=5, seed=seed, **COUNTS)
    assert paired.test_rows.shape == (60, 2, 5)
    for j, (a, b) in zip(paired.train_factor, paired.train_rows, strict=True):
        assert table[a, j].tolist() == table[b, j].tolist()


def test_batches_follow_the_rows() -> None:
    """Factors come equally often, values as often as rows have them, the others as they are given it."""
    table = np.repeat([[0, 0], [1, 0], [1, 1]], [10, 10, 80], axis=0)
    drawn = batches_holding_a_factor(table, n_train=4000, n_test=1, batch=2, seed=0)
    assert drawn.train_factor.mean() == pytest.approx(0.5, abs=0.03)
    first = drawn.train_rows[drawn.train_factor == 0]
    assert table[first[:, 0], 0].mean() == pytest.approx(0.9, abs=0.03)
    ones = first[table[first[:, 0], 0] == 1]
    assert table[ones, 1].mean() == pytest.approx(80 / 90, abs=0.03)


def test_factor_vae_votes_are_their_definition() -> None:
    """Votes go to the dimension that varies least for its size; the majority of training votes decides."""
    code, table = mixed(300)
    samples = batches_holding_a_factor(table, batch=3, **COUNTS)
    found = factor_vae_score(code, table, samples=samples)
    train = definitions.votes(code, samples.train_factor, samples.train_rows, 3)
    test = definitions.votes(code, samples.test_factor, samples.test_rows, 3)
    assert found.train_votes.tolist() == train.tolist()
    assert found.test_votes.tolist() == test.tolist()
    right = sum(row[votes.tolist().index(votes.max())] for row, votes in zip(test, train, strict=True))
    assert found.score == right / 60


@pytest.mark.parametrize("score", [factor_vae_score, beta_vae_score])
def test_a_perfect_code_and_noise(score) -> None:
    """Factors as dimensions score 1; noise guesses one of three."""
    table = factors(500, 0)
    assert score(table, table).score > 0.99
    noise = np.random.default_rng(1).normal(size=(500, 4))
    assert score(noise, table).score == pytest.approx(1 / 3, abs=0.1)


@pytest.mark.parametrize("score", [factor_vae_score, beta_vae_score])
def test_a_score_can_be_replayed(score) -> None:
    """The samples in the result give the same score again, whatever the seed; they are 1,000 + 500 of 64."""
    code, table = mixed(300)
    found = score(code, table, seed=3)
    assert score(code, table, seed=4, samples=found.samples).score == found.score
    assert (len(found.samples.train_rows), len(found.samples.test_rows)) == (1000, 500)
    assert found.samples.test_rows.shape[-1] == 64


def test_dimensions_below_the_threshold_take_no_part() -> None:
    """It is the standard deviation that is compared with 0.05; a note names what was left out."""
    table = factors(300, 0)
    wide = np.hstack([table, 0.06 * (table[:, :1] - 1.5), 0.04 * (table[:, :1] - 1.5)])
    deviation = wide.std(0, ddof=1)
    assert deviation[3] > 0.05 > deviation[4] > 0.04
    found = factor_vae_score(wide, table)
    assert found.active.tolist() == [True, True, True, True, False]
    assert found.notes == ("dimensions [4] have a standard deviation below 0.05 and take no part",)
    nothing = factor_vae_score(0.01 * wide, table)
    assert nothing.score == 0
    assert not nothing.active.any()


def test_features_are_mean_differences() -> None:
    """BetaVAE's features are the mean absolute differences over pairs."""
    code, table = mixed(100)
    samples = paired_batches_holding_a_factor(table, batch=2, **COUNTS)
    a, b = samples.test_rows[7]
    expected = (abs(code[a[0]] - code[b[0]]) + abs(code[a[1]] - code[b[1]])) / 2
    assert beta_vae_score(code, table, samples=samples).test_features[7] == pytest.approx(expected)


def test_samples_that_do_not_fit_are_refused() -> None:
    """Indices outside the rows, and pairs where batches belong, are named."""
    code, table = mixed(30)
    good = batches_holding_a_factor(table, batch=3, **COUNTS)
    with pytest.raises(InputError, match="train_rows has shape"):
        beta_vae_score(code, table, samples=good)
    with pytest.raises(InputError, match="no index below 10") as caught:
        factor_vae_score(code[:10], table[:10], samples=good)
    assert "see RowSamples" in caught.value.fix
    short = RowSamples(good.train_factor[1:], good.train_rows, good.test_factor, good.test_rows)
    with pytest.raises(InputError, match="are no batches"):
        factor_vae_score(code, table, samples=short)
