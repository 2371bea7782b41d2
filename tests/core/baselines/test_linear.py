"""Linear baselines: exact inverses whose blocks do what they are said to do."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from iin_core.baselines import BASELINES, MAX_DIMS, LinearFactorisation, class_means, lda
from iin_core.errors import InputError
from iin_core.factorisation import swap
from iin_core.metrics import invertibility_error


def _rows(n: int = 600, width: int = 20, seed: int = 0, noise: float = 0.3):
    rng = np.random.default_rng(seed)
    digit, colour = np.arange(n) % 5, np.arange(n) // 5 % 3
    means = rng.normal(size=(5, width)), rng.normal(size=(3, width))
    z = means[0][digit] + means[1][colour] + noise * rng.normal(size=(n, width))
    return z.astype(np.float32), {"digit": digit, "colour": colour}, means


LINEAR = ("class_means", "lda", "leace")


@pytest.mark.parametrize("name", LINEAR)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), width=st.integers(9, 30))
def test_a_baseline_is_a_bijection(name: str, seed: int, width: int) -> None:
    """Encoding and decoding gives the rows back, with C − 1 dimensions a concept and the rest."""
    z, concepts, _ = _rows(300, width, seed)
    fitted = BASELINES[name](z, concepts)
    assert fitted.blocks.dims == {"residual": width - 6, "digit": 4, "colour": 2}
    assert invertibility_error(fitted, z) < 1e-3
    assert torch.allclose(fitted.moving @ fitted.reading, torch.eye(width), atol=1e-3)


def test_class_means_exchange_exactly_one_mean() -> None:
    """For rows that are sums of class means a swap replaces one mean and leaves the other."""
    z, concepts, (digits, colours) = _rows(noise=0.0)
    fitted = class_means(z, concepts)
    moved = swap(fitted, torch.from_numpy(z[:1]), torch.from_numpy(z[7:8]), "digit")
    expected = digits[concepts["digit"][7]] + colours[concepts["colour"][0]]
    assert np.abs(moved.numpy()[0] - expected).max() < 1e-3


def test_lda_residual_is_uncorrelated_with_the_discriminants() -> None:
    """The residual's codes have no covariance with any concept's block on the fitting rows."""
    z, concepts, _ = _rows()
    fitted = lda(z, concepts)
    code = fitted.encode(torch.from_numpy(z))
    residual = code[:, fitted.blocks["residual"]]
    discriminants = torch.cat([code[:, fitted.blocks[name]] for name in concepts], 1)
    assert float((residual.T @ discriminants / len(z)).abs().max()) < 1e-3


def test_lda_spans_what_scikit_learns_lda_spans() -> None:
    """The digit's block and scikit-learn's discriminants are linear functions of each other."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    z, concepts, _ = _rows()
    fitted = lda(z, {"digit": concepts["digit"]})
    block = fitted.encode(torch.from_numpy(z))[:, fitted.blocks["digit"]].double().numpy()
    oracle = LinearDiscriminantAnalysis().fit(z, concepts["digit"]).transform(z)
    _, residuals, rank, _ = np.linalg.lstsq(block, oracle - oracle.mean(0), rcond=None)
    assert rank == 4
    assert residuals.max() / (oracle**2).sum() < 1e-3


@pytest.mark.parametrize("name", BASELINES)
def test_missing_labels_leave_their_rows_out(name: str) -> None:
    """Rows without a label, by None or by NA, change no class mean of the concept that they lack."""
    z, concepts, _ = _rows(240)
    words = np.array([*"abcde"], dtype=object)[concepts["digit"]]
    lost = np.arange(240) % 3 == 0
    by_none = {**concepts, "digit": np.where(lost, None, words)}
    by_number = {**concepts, "digit": np.where(lost, pd.NA, concepts["digit"].astype(object))}
    a, b = BASELINES[name](z, by_none), BASELINES[name](z, by_number)
    assert a.blocks.dims["digit"] == 4
    assert torch.equal(a.reading, b.reading)
    assert not torch.equal(a.reading, BASELINES[name](z, concepts).reading)


@pytest.mark.parametrize("name", BASELINES)
def test_wide_rows_keep_what_the_basis_leaves_out(name: str) -> None:
    """Above 256 features the blocks hold principal coordinates; decoding like the row is exact."""
    z, concepts, _ = _rows(400, MAX_DIMS + 44)
    fitted = BASELINES[name](z, concepts)
    assert fitted.blocks.n_dims == MAX_DIMS
    assert invertibility_error(fitted, z) < 1e-3
    without = fitted.decode(fitted.encode(torch.from_numpy(z)))
    assert without.shape == z.shape


def test_dead_features_do_not_break_the_inverse() -> None:
    """Features that never vary (dead units) leave both baselines invertible."""
    z, concepts, _ = _rows()
    z[:, :3] = 0
    for fit in BASELINES.values():
        assert invertibility_error(fit(z, concepts), z) < 1e-2


def test_many_classes_leave_room_for_the_residual() -> None:
    """With more class directions than dimensions each concept keeps the strongest ones."""
    rng = np.random.default_rng(0)
    concepts = {"a": rng.integers(10, size=500), "b": rng.integers(10, size=500)}
    z = rng.normal(size=(10, 8))[concepts["a"]] + rng.normal(size=(10, 8))[concepts["b"]]
    fitted = class_means(z, concepts)
    assert isinstance(fitted, LinearFactorisation)
    assert fitted.blocks.dims == {"residual": 2, "a": 3, "b": 3}


def test_a_concept_without_direction_is_named() -> None:
    """A constant concept, and one that another determines, are refused by name."""
    z, concepts, _ = _rows()
    with pytest.raises(InputError, match="Concept 'one' has no direction of its own"):
        class_means(z, {"one": np.zeros(len(z), dtype=int)})
    with pytest.raises(InputError, match="Concept 'again' has no direction of its own"):
        lda(z, {"digit": concepts["digit"], "again": concepts["digit"] * 2})
