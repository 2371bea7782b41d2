"""Explicitness as the AUC of logistic regression."""

import numpy as np
import pytest

from iin_core.metrics import explicitness
from tests.core.metrics.per_dimension.codes import factors, mixed, split


def _auc_by_counting(positive: np.ndarray, negative: np.ndarray) -> float:
    return float(np.mean([(p > q) + 0.5 * (p == q) for p in positive for q in negative]))


def test_it_is_the_mean_of_counted_aucs() -> None:
    """Macro one-vs-rest AUC of a default logistic regression on codes scaled by the training rows."""
    from sklearn.linear_model import LogisticRegression

    code, table, test_code, test_table = split(*mixed())
    mean, deviation = code.mean(0), code.std(0)
    expected = []
    for j in range(3):
        model = LogisticRegression().fit((code - mean) / deviation, table[:, j])
        p = model.predict_proba((test_code - mean) / deviation)
        own = [test_table[:, j] == c for c in model.classes_]
        expected.append(np.mean([_auc_by_counting(p[m, i], p[~m, i]) for i, m in enumerate(own)]))
    found = explicitness(code, table, test_code, test_table)
    assert found.auc == pytest.approx(expected, abs=1e-9)
    assert found.score == pytest.approx(np.mean(expected), abs=1e-9)


def test_all_and_nothing() -> None:
    """A code that is its factors is read without error, noise no better than by chance."""
    table = factors(400, 0)
    rng = np.random.default_rng(0)
    told = np.hstack([np.eye(size)[column] for size, column in zip((4, 6, 3), table.T, strict=True)])
    assert explicitness(told[:300], table[:300], told[300:], table[300:]).score == 1
    noise = rng.normal(size=(2000, 5))
    table = factors(2000, 1)
    found = explicitness(noise[:1000], table[:1000], noise[1000:], table[1000:])
    assert found.score == pytest.approx(0.5, abs=0.04)
    assert found.train_score > found.score


def test_scale_does_not_matter_and_constants_tell_nothing() -> None:
    """Codes are z-scored; a dimension that is constant in training changes nothing, but is noted."""
    code, table, test_code, test_table = split(*mixed())
    plain = explicitness(code, table, test_code, test_table)
    moved = explicitness(100 + 9 * code, table, 100 + 9 * test_code, test_table)
    assert moved.score == pytest.approx(plain.score, abs=1e-6)
    wide, wide_test = (np.hstack([c, np.full((len(c), 1), 0.1)]) for c in (code, test_code))
    wide_test[:, -1] = np.arange(len(wide_test))
    padded = explicitness(wide, table, wide_test, test_table)
    assert padded.auc.tolist() == plain.auc.tolist()
    assert padded.notes == ("dimension 6 is constant: it tells nothing",)


def test_a_class_without_test_rows_is_left_out() -> None:
    """The mean is over classes that the test rows have, and a note says so."""
    code, table, test_code, test_table = split(*mixed())
    kept = test_table[:, 1] != 5
    found = explicitness(code, table, test_code[kept], test_table[kept])
    assert 0.9 < found.auc[1] <= 1
    assert found.notes == ("factor 1: 1 of its classes are not among the test rows",)
