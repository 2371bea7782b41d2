"""Least-squares concept erasure: what it must leave, and what it must not."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from iin_core.baselines import lda, leace
from iin_core.factorisation import swap


def _rows(n: int = 900, width: int = 12):
    """Rows with two concepts that depend on each other, so that their discriminants are not orthogonal."""
    rng = np.random.default_rng(0)
    digit = rng.integers(4, size=n)
    colour = np.where(rng.random(n) < 0.3, digit % 3, rng.integers(3, size=n))
    mixed = rng.normal(size=(width, width))
    z = (
        rng.normal(size=(4, width))[digit]
        + rng.normal(size=(3, width))[colour]
        + rng.normal(size=(n, width)) @ mixed
    )
    return torch.from_numpy(z.astype(np.float32)), {"digit": digit, "colour": colour}


def _means(code: torch.Tensor, labels: np.ndarray) -> torch.Tensor:
    return torch.stack([code[labels == value].double().mean(0) for value in np.unique(labels)])


def test_foreign_class_means_are_equal_on_training_rows() -> None:
    """In every block but its own the classes of a concept have one mean, and in its own they have not."""
    z, concepts = _rows()
    fitted = leace(z, concepts)
    code = fitted.encode(z)
    for name, labels in concepts.items():
        for block, place in fitted.blocks.items():
            spread = float(_means(code[:, place], labels).std(0).max())
            assert spread > 0.05 if block == name else spread < 1e-5


def test_linear_probes_are_at_chance_on_training_rows() -> None:
    """Fitted on the erased rows themselves, logistic regression says the classes' shares of every row."""
    z, concepts = _rows()
    erased = leace(z, concepts).encode(z)[:, :7].numpy()
    for labels in concepts.values():
        probe = LogisticRegression(C=1e4, tol=1e-8, max_iter=1000).fit(erased, labels)
        shares = np.bincount(labels) / len(labels)
        assert np.abs(probe.predict_proba(erased) - shares).max() < 1e-3
    discriminants = lda(z, concepts)
    block = discriminants.encode(z)[:, discriminants.blocks["digit"]].numpy()
    assert LogisticRegression().fit(block, concepts["colour"]).score(block, concepts["colour"]) > 0.4


def test_erasure_is_the_closed_form() -> None:
    """Setting a single concept's block to zero is r(z) = z − W⁻¹ P W (z − E z) of the theorem."""
    z, concepts = _rows()
    fitted = leace(z, {"digit": concepts["digit"]})
    code = fitted.encode(z)
    code[:, fitted.blocks["digit"]] = 0
    rows = z.double() - z.double().mean(0)
    values, axes = torch.linalg.eigh(rows.T @ rows / len(rows))
    whitener = (axes / values.sqrt()) @ axes.T
    onehot = torch.eye(4, dtype=torch.float64)[concepts["digit"]]
    directions = torch.linalg.svd(whitener @ rows.T @ (onehot - onehot.mean(0)), full_matrices=False).U[:, :3]
    removed = rows @ whitener @ directions @ directions.T @ torch.linalg.inv(whitener)
    assert torch.allclose(fitted.decode(code).double(), z - removed, atol=1e-3)


def test_erased_rows_are_the_nearest_ones_without_the_concept() -> None:
    """Erasing changes z less, in the mean square, than projecting the class means out orthogonally does."""
    z, concepts = _rows()
    fitted = leace(z, {"digit": concepts["digit"]})
    code = fitted.encode(z)
    code[:, fitted.blocks["digit"]] = 0
    change = float((fitted.decode(code) - z).square().sum(1).mean())
    means = _means(z, concepts["digit"])
    span = torch.linalg.svd(means - z.double().mean(0), full_matrices=False).Vh[:3].float()
    projected = (z - z.mean(0)) @ span.T @ span
    assert float(_means(z - projected, concepts["digit"]).std(0).max()) < 1e-5
    assert change < 0.9 * float(projected.square().sum(1).mean())


def test_a_swap_moves_along_class_means() -> None:
    """The exchange of a block moves z within the span of the differences of its concept's class means."""
    z, concepts = _rows()
    moved = swap(leace(z, concepts), z[:50], z[50:100], "digit") - z[:50]
    means = _means(z, concepts["digit"])
    span = torch.linalg.svd(means - z.double().mean(0), full_matrices=False).Vh[:3].float()
    assert float((moved - moved @ span.T @ span).norm() / moved.norm()) < 1e-3
    assert float(moved.norm()) > 1


@pytest.mark.parametrize("fit", [lda, leace])
def test_erasure_of_uncorrelated_spans_is_lda(fit) -> None:
    """With one concept there is nothing to erase from its block: LEACE and LDA read the same."""
    z, concepts = _rows()
    single = {"digit": concepts["digit"]}
    assert torch.allclose(fit(z, single).encode(z), lda(z, single).encode(z), atol=1e-4)
