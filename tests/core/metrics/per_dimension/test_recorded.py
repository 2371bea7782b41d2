"""Values that the disentanglement library's own code gave for the same rows."""

from dataclasses import replace

import numpy as np
import pytest

from iin_core.metrics import (
    batches_holding_a_factor,
    beta_vae_score,
    dci,
    explicitness,
    factor_vae_score,
    irs,
    mig,
    modularity,
    paired_batches_holding_a_factor,
    sap_continuous,
    sap_discrete,
)
from tests.core.metrics.per_dimension.codes import mixed, split

CODE, TABLE = mixed()
NUMBERS = TABLE + 0.3 * np.random.default_rng(9).normal(size=TABLE.shape)


def test_scores_without_a_fit_are_the_librarys() -> None:
    """MIG, modularity, IRS and SAP of numbers agree to 1e-9."""
    assert mig(CODE, TABLE).score == pytest.approx(0.3742131535412505, abs=1e-9)
    assert modularity(CODE, TABLE).score == pytest.approx(0.9008625647622878, abs=1e-9)
    assert irs(CODE, TABLE).score == pytest.approx(0.6003589129129154, abs=1e-9)
    assert irs(CODE.astype(np.float32), TABLE).score == pytest.approx(0.6003589218704535, abs=1e-9)
    assert irs(CODE, NUMBERS).score == pytest.approx(0.6198293870156241, abs=1e-9)
    assert sap_continuous(CODE, NUMBERS).score == pytest.approx(0.3662726540200114, abs=1e-9)


def test_scores_of_fitted_classifiers_are_the_librarys() -> None:
    """SAP of classes and explicitness agree to 0.005, DCI to 0.01: its trees break ties at random."""
    rows = split(CODE, TABLE)
    assert sap_discrete(*rows).score == pytest.approx(0.155, abs=0.005)
    found = explicitness(*rows)
    assert (found.score, found.train_score) == pytest.approx((0.97879099, 0.98703794), abs=0.005)
    trees = dci(*rows)
    assert trees.score == trees.disentanglement == pytest.approx(0.7622, abs=0.01)
    assert (trees.completeness, trees.informativeness) == pytest.approx((0.6250, 0.8437), abs=0.01)
    assert trees.train_informativeness == pytest.approx(1.0, abs=0.01)


def _with_a_dead_dimension() -> np.ndarray:
    noise = np.random.default_rng(5).normal(size=(len(CODE), 1))
    return np.hstack([CODE * [1, 1, 1, 1, 1, 0.1], 0.3 * CODE[:, [1]] + 0.3 * noise])


@pytest.mark.parametrize(
    ("code", "scores"),
    [(CODE, (0.85, 0.8)), (_with_a_dead_dimension(), (0.775, 0.81666666666))],
    ids=["all", "pruned"],
)
def test_replayed_factor_vae_scores_are_the_librarys(code: np.ndarray, scores: tuple[float, float]) -> None:
    """Given its batches and its rows for variances, the accuracies of the library come out."""
    samples = replace(
        batches_holding_a_factor(TABLE, n_train=60, n_test=40, batch=3, seed=3),
        variance_rows=np.random.default_rng(1).integers(600, size=200),
    )
    found = factor_vae_score(code, TABLE, samples=samples)
    assert (found.score, found.train_score) == pytest.approx(scores, abs=1e-9)
    assert found.active.tolist() == [True] * 5 + [code is CODE] + [True] * (code.shape[1] - 6)


@pytest.mark.parametrize(
    ("code", "scores"),
    [(CODE, (0.75, 0.9)), (_with_a_dead_dimension(), (0.65, 0.91666666666))],
    ids=["all", "small"],
)
def test_replayed_beta_vae_scores_are_the_librarys(code: np.ndarray, scores: tuple[float, float]) -> None:
    """Given its pairs, the accuracies of the library come out; small dimensions stay in."""
    samples = paired_batches_holding_a_factor(TABLE, n_train=60, n_test=40, batch=2, seed=3)
    found = beta_vae_score(code, TABLE, samples=samples)
    assert (found.score, found.train_score) == pytest.approx(scores, abs=0.005)
