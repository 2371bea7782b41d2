"""The penalties on the classifier's late layers."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from iin_core.examples.invariance import nuisance_share, redundancy, within_class_share

seeds = st.integers(0, 2**31 - 1)


def _rows(seed, n=400, dim=5):
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_presentations_that_agree_share_everything(seed):
    """The share is 0 for equal rows and near 1 for unrelated ones."""
    a, b = _rows(seed), _rows(seed + 1)
    assert nuisance_share(a, a).item() == pytest.approx(0, abs=1e-6)
    assert nuisance_share(a, b).item() == pytest.approx(1, abs=0.15)


@settings(max_examples=15, deadline=None)
@given(seeds, st.floats(0.01, 100))
def test_the_scale_of_a_layer_hides_nothing(seed, scale):
    """Shares and redundancy do not change when a whole layer grows or shrinks."""
    a, b = _rows(seed), _rows(seed) + 0.3 * _rows(seed + 1)
    classes = torch.arange(len(a)) % 4
    assert nuisance_share(a * scale, b * scale).item() == pytest.approx(nuisance_share(a, b).item(), rel=1e-3)
    assert within_class_share(a * scale, classes, 4).item() == pytest.approx(
        within_class_share(a, classes, 4).item(), rel=1e-3
    )
    assert redundancy(a * scale).item() == pytest.approx(redundancy(a).item(), rel=1e-2, abs=1e-4)


def test_a_nuisance_in_a_small_direction_counts_like_one_in_a_large_direction():
    """Shrinking the one dimension in which presentations differ by 10 changes little."""
    a = _rows(0)
    b = a.clone()
    b[:, 0] = _rows(1)[:, 0]
    small = torch.tensor([0.1, 1, 1, 1, 1])
    assert nuisance_share(a * small, b * small).item() > 0.85 * nuisance_share(a, b).item()


def test_classes_that_are_points_have_no_variance_within():
    """The share is 0 for one point a class and near 1 for classes that tell nothing."""
    classes = torch.arange(400) % 4
    assert within_class_share(_rows(0, n=4)[classes], classes, 4).item() == pytest.approx(0, abs=1e-6)
    assert within_class_share(_rows(0), classes, 4).item() > 0.95


def test_copies_are_redundant():
    """Three copies of one unit count 2 each, unrelated units almost nothing."""
    unit = _rows(0, dim=1)
    assert redundancy(unit.repeat(1, 3)).item() == pytest.approx(2, rel=1e-3)
    assert redundancy(_rows(0, n=4000)).item() < 0.01


def test_dead_units_and_small_batches_leave_gradients_finite():
    """A constant dimension, and fewer rows than dimensions, are no reason for NaN."""
    rows = _rows(0, n=6, dim=10)
    rows[:, 3] = 0
    rows.requires_grad_()
    classes = torch.tensor([0, 1, 2, 0, 1, 2])
    loss = nuisance_share(*rows.chunk(2)) + within_class_share(rows, classes, 5) + redundancy(rows)
    loss.backward()
    assert torch.isfinite(rows.grad).all()
