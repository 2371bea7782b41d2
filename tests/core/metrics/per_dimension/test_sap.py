"""SAP of classes and of numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iin_core.metrics import sap_continuous, sap_discrete
from tests.core.metrics.per_dimension import definitions
from tests.core.metrics.per_dimension.codes import factors, mixed, split


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_sap_of_numbers_is_its_definition(seed: int) -> None:
    """Squared correlations and their gaps equal numpy's."""
    rng = np.random.default_rng(seed)
    code, numbers = rng.normal(size=(40, 4)) * [1, 10, 0.1, 1], rng.normal(size=(40, 2))
    code[:, 0] += numbers[:, 1]
    found = sap_continuous(code, numbers)
    assert found.score == pytest.approx(definitions.sap_continuous(code, numbers), abs=1e-9)
    assert sap_continuous(1000 + 7 * code, -numbers).score == pytest.approx(found.score, abs=1e-9)


def test_sap_of_numbers_that_are_dimensions() -> None:
    """Independent numbers as dimensions have gap 1, each twice gap 0; many values need no note."""
    rng = np.random.default_rng(0)
    numbers = np.linalg.qr(rng.normal(size=(50, 4)) - 0.0)[0]
    numbers = np.linalg.qr(numbers - numbers.mean(0))[0]
    assert sap_continuous(numbers, numbers).score == pytest.approx(1)
    twice = sap_continuous(np.hstack([numbers, 2 * numbers]), numbers)
    assert twice.score == pytest.approx(0, abs=1e-9)
    assert twice.notes == ()


def test_a_variance_of_nearly_nothing_counts_as_none() -> None:
    """A dimension of variance below 1e-12 has score 0 though it is not constant."""
    numbers = np.random.default_rng(0).normal(size=(50, 1))
    found = sap_continuous(np.hstack([1e-7 * numbers, numbers]), numbers)
    assert found.scores[:, 0] == pytest.approx([0, 1])


def test_sap_of_classes_reads_one_raw_dimension() -> None:
    """Two classes in one dimension are read without error, all others guess."""
    table = factors(400, 0, (2, 2))
    noise = np.random.default_rng(1).normal(size=(400, 3))
    code = np.hstack([4.0 * table - 2, noise[:, :1]])
    found = sap_discrete(code[:300], table[:300], code[300:], table[300:])
    assert found.scores[[0, 1], [0, 1]].tolist() == [1, 1]
    assert found.score == pytest.approx(0.5, abs=0.12)


def test_the_scale_of_a_dimension_matters() -> None:
    """The penalty acts on the weight: an unbalanced three-class code is read worse when it is small."""
    table = np.minimum(factors(400, 0, (6, 2)), 2)
    code = table + 0.1 * np.random.default_rng(0).normal(size=table.shape)
    large, small = (sap_discrete(*(scale * code, table) * 2) for scale in (10, 1e-3))
    assert large.scores[0, 0] - small.scores[0, 0] > 0.1


def test_the_test_rows_are_what_is_scored() -> None:
    """With test labels that are wrong on purpose the accuracy falls to 0."""
    table = factors(200, 0, (2,))
    code = np.hstack([8.0 * table - 4, np.random.default_rng(0).normal(size=(200, 1))])
    assert sap_discrete(code, table, code, 1 - table).scores[0, 0] == 0


def test_scores_have_a_row_a_dimension() -> None:
    """The matrix is (d, k), the score the mean of its columns' gaps."""
    found = sap_discrete(*split(*mixed()))
    ordered = np.sort(found.scores, axis=0)
    assert found.scores.shape == (6, 3)
    assert found.score == pytest.approx((ordered[-1] - ordered[-2]).mean())
