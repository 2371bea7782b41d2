"""DCI from the importances of trees."""

import numpy as np
import pytest

from iin_core.metrics import dci
from tests.core.metrics.per_dimension import definitions
from tests.core.metrics.per_dimension.codes import factors, mixed


def test_scores_are_entropies_of_the_importances() -> None:
    """Disentanglement over factors and completeness over dimensions, weighted by importance."""
    code, table = mixed(200)
    found = dci(code[:150], table[:150], code[150:], table[150:])
    assert found.importance.shape == (6, 3)
    assert found.importance.sum(0) == pytest.approx(np.ones(3))
    assert found.disentanglement == pytest.approx(definitions.concentration(found.importance), abs=1e-12)
    assert found.completeness == pytest.approx(definitions.concentration(found.importance.T), abs=1e-12)


def test_a_perfect_code_and_a_doubled_one() -> None:
    """Factors as dimensions score 1; each twice stays disentangled and is less complete."""
    table = factors(200, 0, (3, 2))
    code = table + 0.01 * np.random.default_rng(0).normal(size=table.shape)
    perfect = dci(code, table, code, table)
    assert (perfect.score, perfect.completeness, perfect.informativeness) == pytest.approx(
        (1, 1, 1), abs=1e-3
    )
    mixed_up = np.stack([code.sum(1), code[:, 0] - code[:, 1]], axis=1)
    turned = dci(mixed_up, table, mixed_up, table)
    assert turned.disentanglement < 0.8
    assert turned.informativeness == 1


def test_informativeness_is_of_the_test_rows() -> None:
    """Noise is learnt by heart on the rows that are fitted, and read by chance elsewhere."""
    rng = np.random.default_rng(0)
    code, table = rng.normal(size=(400, 3)), factors(400, 0, (2, 2))
    found = dci(code[:200], table[:200], code[200:], table[200:])
    assert found.train_informativeness > 0.9
    assert found.informativeness == pytest.approx(0.5, abs=0.12)
    assert found.disentanglement < 0.1


def test_the_seed_decides() -> None:
    """The same seed gives the same importances to the last digit."""
    code, table = mixed(120)
    runs = [dci(code, table, code, table, seed=1).importance for _ in range(2)]
    assert runs[0].tolist() == runs[1].tolist()
