"""What holds for every per-dimension metric."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from iin_core import metrics
from iin_core.errors import InputError
from iin_core.metrics import RowSamples, batches_holding_a_factor, paired_batches_holding_a_factor
from tests.core.metrics.per_dimension.codes import factors

TABLE = factors(240, 0, (2, 3))
CODE = np.hstack([TABLE, TABLE.sum(1, keepdims=True)]) + 0.3 * np.random.default_rng(1).normal(size=(240, 3))
SPLIT = 160


def _samples(paired: bool) -> RowSamples:
    draw = paired_batches_holding_a_factor if paired else batches_holding_a_factor
    return draw(TABLE, n_train=50, n_test=40, batch=4)


def _on_all(name: str) -> Callable:
    return lambda code, table: getattr(metrics, name)(code, table)


def _on_split(name: str) -> Callable:
    return lambda code, table: getattr(metrics, name)(
        code[:SPLIT], table[:SPLIT], code[SPLIT:], table[SPLIT:]
    )


def _on_samples(name: str, paired: bool) -> Callable:
    return lambda code, table: getattr(metrics, name)(code, table, samples=_samples(paired))


ALL = {name: _on_all(name) for name in ("mig", "modularity", "irs", "sap_continuous")}
ALL |= {name: _on_split(name) for name in ("sap_discrete", "explicitness", "dci")}
ALL |= {
    "factor_vae_score": _on_samples("factor_vae_score", paired=False),
    "beta_vae_score": _on_samples("beta_vae_score", paired=True),
}
every = pytest.mark.parametrize("score", ALL.values(), ids=ALL)


@every
def test_the_order_of_dimensions_and_factors_does_not_matter(score) -> None:
    """Permuted dimensions give the same score (DCI's trees break ties by position)."""
    plain = score(CODE, TABLE).score
    assert score(CODE[:, [2, 0, 1]], TABLE).score == pytest.approx(plain, abs=0.01)


@every
def test_a_constant_dimension_is_noted_and_harmless(score) -> None:
    """The score is a number, not NaN, and a note names the dimension."""
    padded = np.hstack([CODE, np.full((240, 1), 0.1)])
    found = score(padded, TABLE)
    assert math.isfinite(found.score)
    assert "dimension 3 is constant: it tells nothing" in found.notes


@every
def test_a_code_that_is_constant_throughout_scores_zero(score) -> None:
    """With nothing to read the score is 0 and each dimension is noted; 0.3 is not exact in binary."""
    found = score(np.full((240, 3), 0.3), TABLE)
    assert found.score == 0
    assert len(found.notes) == 3


@every
def test_a_factor_with_one_value_is_noted(score) -> None:
    """A factor that does not vary cannot make a score NaN."""
    table = np.hstack([TABLE, np.zeros((240, 1), dtype=int)])
    found = score(CODE, table)
    assert math.isfinite(found.score)
    assert "factor 2 has one value on these rows: nothing can tell it" in found.notes


@every
def test_classes_may_be_words(score) -> None:
    """Words stand for their place in the alphabet."""
    words = np.column_stack([np.array(["no", "yes"])[TABLE[:, 0]], np.array(["a", "b", "c"])[TABLE[:, 1]]])
    assert score(CODE, words).score == pytest.approx(score(CODE, TABLE).score, abs=1e-12)


@every
def test_missing_and_mismatched_rows_are_refused(score) -> None:
    """A hole or another number of rows is named, with what to do."""
    holes = CODE.copy()
    holes[7, 1] = np.nan
    with pytest.raises(InputError, match="1 rows of the code or the factors are missing") as caught:
        score(holes, TABLE)
    assert caught.value.fix == "leave these rows out"
    with pytest.raises(InputError, match="do not match"):
        score(CODE, TABLE[:170])


@pytest.mark.parametrize("name", ["mig", "sap_continuous", "sap_discrete", "dci"])
def test_a_gap_needs_two_dimensions(name: str) -> None:
    """One dimension is nothing to compare with."""
    with pytest.raises(InputError, match="1 dimensions and 2 factors are too few") as caught:
        ALL[name](CODE[:, :1], TABLE)
    assert "at least 2 dimensions" in caught.value.fix


@pytest.mark.parametrize("name", ["modularity", "dci"])
def test_one_factor_cannot_be_mixed_with_another(name: str) -> None:
    """Modularity of one factor has no meaning and is not 0 or 1."""
    with pytest.raises(InputError, match="3 dimensions and 1 factors are too few"):
        ALL[name](CODE, TABLE[:, :1])


def test_training_and_test_rows_have_one_width() -> None:
    """A test code of another width is refused before anything is fitted."""
    with pytest.raises(InputError, match="different widths"):
        metrics.dci(CODE, TABLE, CODE[:, :2], TABLE)


def test_numbers_taken_as_classes_are_noted() -> None:
    """A factor with almost as many values as rows is no set of classes."""
    numbers = np.random.default_rng(0).normal(size=(240, 1))
    assert metrics.mig(CODE, numbers).notes == (
        "factor 0 has 240 values in 240 rows: bin it (quintiles) first",
    )
    assert metrics.irs(CODE, numbers).notes == ()
